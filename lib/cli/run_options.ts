import { resolve } from "@std/path/posix/resolve";
import { isInBackground, isTerminal } from "../../ffi/tty.ts";
import type { NetworkOption, PullPolicy, RunOptions, VolumeOption } from "../container/options.ts";
import { ContainerError, reasonOf, UsageError } from "../errors.ts";
import { DEFAULT_BRIDGE_ADDRESS } from "../network/addresses.ts";
import type { Arguments, OptionSpec } from "./arguments.ts";
import { parseBytes, parseDecimal, parseWhole } from "./quantity.ts";
import {
  displayOf,
  PROGRESS_OPTION,
  REGISTRY_OPTIONS,
  sessionOptionsOf,
} from "./registry/options.ts";
import { readSecurityOptions, SECURITY_OPTIONS } from "./security_options.ts";
import { parseVariable } from "./variable.ts";

/** The options of `run`, in the order of the usage. */
export const RUN_OPTIONS: readonly OptionSpec[] = [
  {
    name: "bridge-addr",
    value: "CIDR",
    help: "address of the bridge goContainers0 (default 10.10.10.1/24)",
  },
  {
    name: "container-addr",
    value: "CIDR",
    help: "address of the container (default 10.10.10.2/24 or the next free one)",
  },
  { name: "c", value: "FOLDER", help: "folder for containers (default containers)" },
  {
    name: "i",
    value: "FOLDER",
    help: "folder with images (default images)",
    // docker's `-i -t`, most likely.
    valueHint: "Input is always passed, without an option. ",
  },
  {
    name: "pull",
    value: "WHEN",
    help: "pull the image: missing (default), always or never",
  },
  {
    name: "platform",
    value: "OS/ARCH",
    help: "take the image for another platform (OS/ARCH[/VARIANT])",
  },
  ...REGISTRY_OPTIONS,
  PROGRESS_OPTION,
  { name: "entrypoint", value: "PROGRAM", help: "run this with the command as its arguments" },
  {
    name: "cpu",
    synonym: "cpu-shares",
    value: "SHARES",
    help: "CPU shares, a relative weight from 2 to 262144",
  },
  { name: "cpus", value: "NUMBER", help: "how many CPUs it may use at most, as in 1.5" },
  {
    name: "mem",
    synonym: ["memory", "m"],
    value: "SIZE",
    help: "memory limit in bytes, or with K, M, G, T",
  },
  {
    name: "pids",
    synonym: "pids-limit",
    value: "NUMBER",
    help: "limit of processes (default 2048; 0 for none)",
  },
  { name: "name", value: "NAME", help: "name of the container (default its id)" },
  { name: "hostname", value: "NAME", help: "hostname inside (default the name)" },
  {
    name: "e",
    synonym: "env",
    value: "KEY=VALUE",
    many: true,
    help: "set a variable; KEY alone takes yours",
  },
  {
    name: "w",
    synonym: "workdir",
    value: "FOLDER",
    help: "working folder inside (default the image's, or /)",
  },
  {
    name: "u",
    synonym: "user",
    value: "USER[:GROUP]",
    help: "run as this user, by name or number (default the image's, or root)",
  },
  {
    name: "v",
    synonym: "volume",
    value: "SRC:DST[:ro]",
    many: true,
    help: "show a file or folder of the host inside; :idmap maps its owners as -userns says",
  },
  {
    name: "net",
    synonym: "network",
    value: "MODE",
    help: "bridge (default), none, host or container:ID",
  },
  // Input is always passed: -it is what hands that know docker type.
  {
    name: "t",
    alias: "it",
    synonym: ["ti", "tty"],
    help: "give it a terminal (default when yours is one; -t=false: never)",
  },
  { name: "interactive" },
  { name: "rm", help: "remove the container's folder at the end" },
  ...SECURITY_OPTIONS,
  { name: "explain", help: "tell each step, the call behind it and how to check it" },
  { name: "trace", value: "FILE", help: "write a timeline for a trace viewer" },
  { name: "debug", help: "show stack traces of errors" },
  { name: "version", help: "print the version" },
  { name: "h", help: "print this" },
  { name: "help" },
  { name: "test-fault", value: "KIND:STEP" },
];

/** Turns the words of the command line into what `run` takes; `args.rest` holds image and command. */
export function readRunOptions(args: Arguments): RunOptions {
  const [image, ...command] = args.rest;
  const given = <T>(name: string, read: (text: string) => T) => {
    const text = args.text(name);
    return text === undefined ? undefined : read(text);
  };
  const security = readSecurityOptions(args);
  const network = parseNetwork(args.text("net") ?? "bridge");
  const containerAddress = args.text("container-addr");
  if (containerAddress !== undefined && network.mode !== "bridge") {
    throw new UsageError(
      `read "-container-addr ${containerAddress}": it is for the bridge's network`,
      {
        hint: `Leave it out, or "-net ${args.text("net")}"`,
      },
    );
  }
  return {
    image,
    pull: given("pull", parsePull) ?? "missing",
    platform: args.text("platform"),
    session: sessionOptionsOf(args),
    progress: displayOf(args),
    entrypoint: args.text("entrypoint"),
    command,
    imagesFolder: args.text("i") ?? "images",
    containersFolder: args.text("c") ?? "containers",
    bridgeAddress: args.text("bridge-addr") ?? DEFAULT_BRIDGE_ADDRESS,
    containerAddress,
    network,
    cpuShares: given("cpu", parseShares) ?? 0,
    cpus: given("cpus", parseCpus),
    memory: given("mem", parseLimit),
    pids: given("pids", parsePids),
    name: args.text("name"),
    hostname: given("hostname", parseHostname),
    env: args.texts("e").flatMap(parseVariable),
    workingFolder: given("w", parseWorkingFolder),
    // An empty one, as of a variable that is not set, is none: docker has the image's own then, and not root.
    user: args.text("u") || undefined,
    volumes: parseVolumes(args.texts("v"), security.userns !== "host"),
    terminal: args.flag("t") ?? (isTerminal(0) && isTerminal(1) && !isInBackground(0)),
    remove: args.flag("rm") ?? false,
    ...security,
  };
}

function parseShares(text: string): number {
  const hint = "A number of CPUs is given with -cpus, as in -cpus 1.5";
  return text === "0" ? 0 : parseWhole(text, "-cpu", 2, 262144, hint);
}

/** 0 is no limit, for memory too, as docker has it. */
function parseCpus(text: string): number | undefined {
  return text === "0" ? undefined : parseDecimal(text, "-cpus", 0.01, 8192);
}

function parseLimit(text: string): number | undefined {
  return text === "0" ? undefined : parseBytes(text, "-mem");
}

/** 0 is no limit; docker and podman take -1 for it as well. */
function parsePids(text: string): number {
  return text === "0" || text === "-1" ? 0 : parseWhole(text, "-pids", 1, 4194304);
}

function parsePull(text: string): PullPolicy {
  if (text === "missing" || text === "always" || text === "never") return text;
  throw new UsageError(`read "-pull ${text}": not missing, always or never`);
}

function parseNetwork(text: string): NetworkOption {
  if (text === "bridge" || text === "none" || text === "host") return { mode: text };
  if (text.startsWith("container:") && text.length > "container:".length) {
    return { mode: "container", container: text.slice("container:".length) };
  }
  throw new UsageError(`read "-net ${text}": no such network`, {
    hint: "Use bridge, none, host or container:ID",
  });
}

/** hostname(7): labels of letters, digits and hyphens; at most 64 bytes (HOST_NAME_MAX). */
function parseHostname(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,62}[a-zA-Z0-9])?$/.test(text)) return text;
  throw new UsageError(`read "-hostname ${text}": not a hostname`, {
    hint: "Use up to 64 letters, digits, hyphens and dots",
  });
}

function parseWorkingFolder(text: string): string {
  if (text.startsWith("/")) return resolve("/", text);
  throw new UsageError(`read "-w ${text}": not an absolute path`, {
    hint: "Give the folder as seen inside the container, from / on",
  });
}

function parseVolumes(texts: readonly string[], hasUserns: boolean): VolumeOption[] {
  const volumes = texts.map((text) => parseVolume(text, hasUserns));
  volumes.forEach(({ destination }, i) => {
    if (volumes.findIndex((other) => other.destination === destination) === i) return;
    throw new UsageError(`read "-v ${texts[i]}": something else is shown at "${destination}"`, {
      hint: "Give each place in the container once: what is shown there later would cover the rest",
    });
  });
  return volumes;
}

/**
 * Modes of docker's and podman's: labels of SELinux, which containers do without here, words for Macs, and the
 * propagation that all volumes have.
 */
const WITHOUT_EFFECT = ["z", "Z", "cached", "delegated", "consistent", "private", "rprivate"];
/** Modes that would have mounts seen on the other side which are made later. */
const PROPAGATING = ["shared", "rshared", "slave", "rslave"];

function parseVolume(text: string, hasUserns: boolean): VolumeOption {
  const [source, destination, words = "rw", ...more] = text.split(":");
  const modes = words.split(",");
  const hint = "Give SRC:DST or SRC:DST:ro, DST from / on";
  if (!source || !destination?.startsWith("/") || more.length > 0) {
    throw new UsageError(`read "-v ${text}": not a volume`, { hint });
  }
  const unknown = modes.find((mode) => !["ro", "rw", "idmap", ...WITHOUT_EFFECT].includes(mode));
  if (unknown !== undefined) {
    throw new UsageError(`read "-v ${text}": "${unknown}" is none of ro, rw, idmap`, {
      hint: PROPAGATING.includes(unknown)
        ? "Leave it out: what is mounted later, inside or outside, is never seen on the other side"
        : hint,
    });
  }
  if (modes.includes("idmap") && !hasUserns) {
    throw new UsageError(`read "-v ${text}": idmap without -userns has no mapping`, {
      hint: "Give -userns auto or a mapping, or leave idmap out",
    });
  }
  if (resolve(destination) === "/") {
    throw new UsageError(`read "-v ${text}": the root itself cannot be replaced`, { hint });
  }
  const path = resolve(source);
  try {
    Deno.statSync(path);
  } catch (cause) {
    const isMissing = cause instanceof Deno.errors.NotFound;
    const why = isMissing ? "there is no such file or folder" : reasonOf(cause);
    throw new ContainerError(`mount "${source}" in the container: ${why}`, {
      code: isMissing ? "NotFound" : "InvalidArgument",
      hint: isMissing ? howToHave(path) : undefined,
      cause,
    });
  }
  return {
    source: path,
    destination: resolve(destination),
    readonly: modes.includes("ro"),
    idmap: modes.includes("idmap"),
  };
}

/** A file's name most often has a dot in it, and who makes a folder in its place is in its way. */
function howToHave(path: string): string {
  return /\.[^/]*$/.test(path)
    ? "Give a file or folder that is there"
    : `Make it first: mkdir -p "${path}"`;
}
