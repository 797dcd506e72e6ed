import { resolve } from "@std/path/posix/resolve";
import { SIGNALS } from "../../ffi/constants.ts";
import { DEFAULT_PATH } from "../oci/defaults.ts";
import type { ProcessConfig } from "./config.ts";
import { expand, invalid, listOfWords, type Lookup, pairs } from "./dockerfile_words.ts";
import { parseHealthCheck } from "./health_check.ts";

/** What an instruction does to a config; the text behind it may be a list in JSON. */
type Change = (config: ProcessConfig, text: string, lookup: Lookup) => void;

/** The instructions of a Dockerfile that change no file, as `docker commit --change` takes them. */
const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, text) => config.Cmd = command(config, text),
  ENTRYPOINT: (config, text) => config.Entrypoint = command(config, text),
  ENV: (config, text, lookup) => {
    for (const [name, value] of pairs(text, lookup)) {
      const others = (config.Env ?? []).filter((entry) => !entry.startsWith(`${name}=`));
      config.Env = [...others, `${name}=${value}`];
    }
  },
  EXPOSE: (config, text, lookup) => {
    for (const port of expand(text, lookup).split(/\s+/).flatMap(portsOf)) {
      config.ExposedPorts = { ...config.ExposedPorts, [port]: {} };
    }
  },
  HEALTHCHECK: (config, text) => config.Healthcheck = parseHealthCheck(text),
  LABEL: (config, text, lookup) =>
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(text, lookup)) },
  ONBUILD: (config, text) => {
    const [, name = ""] = /^([A-Za-z]+)\s/.exec(text) ?? [];
    if (["", "ONBUILD", "FROM", "MAINTAINER"].includes(name.toUpperCase())) {
      throw invalid(text, "it is no instruction for the build of another image");
    }
    config.OnBuild = [...config.OnBuild ?? [], text];
  },
  STOPSIGNAL: (config, text, lookup) => config.StopSignal = signalOf(expand(text, lookup)),
  USER: (config, text, lookup) => config.User = expand(text, lookup),
  VOLUME: (config, text, lookup) => {
    for (const path of text.startsWith("[") ? listOfWords(text) : text.split(/\s+/)) {
      config.Volumes = { ...config.Volumes, [expand(path, lookup)]: {} };
    }
  },
  WORKDIR: (config, text, lookup) =>
    config.WorkingDir = resolve("/", config.WorkingDir ?? "", expand(text, lookup)),
};

/**
 * Changes how an image wants to be run by instructions of a Dockerfile: `CMD ["nginx", "-v"]`,
 * `ENV PATH=$PATH:/opt/bin`, or as podman's users type them: `CMD=nginx`. An entrypoint takes away the command
 * that was there before, which was meant for another one.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function applyChanges(
  config: ProcessConfig,
  instructions: readonly string[],
): ProcessConfig {
  const read = instructions.map(readInstruction);
  const changed = { ...config };
  if (read.some(({ change }) => change === CHANGES.ENTRYPOINT)) delete changed.Cmd;
  for (const { change, text } of read) change(changed, text, lookupIn(changed.Env ?? []));
  return changed;
}

function readInstruction(instruction: string): { change: Change; text: string } {
  const match = /^([A-Za-z]+)(?:(?:\s+|=\s*)(.*))?$/s.exec(instruction.trim());
  const name = match?.[1]?.toUpperCase() ?? "";
  if (!Object.hasOwn(CHANGES, name)) {
    throw invalid(instruction, `it begins with none of ${Object.keys(CHANGES).join(", ")}`);
  }
  const text = match?.[2] ?? "";
  if (text === "") throw invalid(instruction, `nothing stands behind ${name}`);
  return { change: CHANGES[name]!, text };
}

/** The variables before an instruction; a container whose image has no PATH gets the usual one. */
function lookupIn(env: readonly string[]): Lookup {
  const variables = new Map([["PATH", DEFAULT_PATH]]);
  for (const entry of env) {
    const at = entry.indexOf("=");
    variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return (name) => variables.get(name);
}

/** A command: a list in JSON, or a line for the shell. */
function command({ Shell = ["/bin/sh", "-c"] }: ProcessConfig, text: string): string[] {
  return text.startsWith("[") ? listOfWords(text) : [...Shell, text];
}

/** Names of signals that others have, too, and real-time ones (signal(7)). */
const OTHER_SIGNALS = /^(?:CLD|IOT|POLL|RTMIN(?:\+[0-9]{1,2})?|RTMAX(?:-[0-9]{1,2})?)$/;

/** A signal as it was written: its number, or its name with or without SIG. */
function signalOf(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const isNumber = /^[1-9][0-9]?$/.test(text) && Number(text) <= 64;
  if (isNumber || Object.hasOwn(SIGNALS, `SIG${name}`) || OTHER_SIGNALS.test(name)) return text;
  throw invalid(text, "it is no signal as TERM, SIGQUIT, 15 or RTMIN+3 are");
}

/** Each port of `80`, `80/udp` or `8000-8010/tcp`. */
function portsOf(text: string): string[] {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text.toLowerCase());
  const [, first = "", last = first, protocol = "tcp"] = match ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (match === null || from < 1 || to < from || to > 65535) {
    throw invalid(text, "it is no port as 80, 53/udp or 8000-8010 are");
  }
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol}`);
}
