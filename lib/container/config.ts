import type { ResolvedUser } from "../image/user.ts";
import {
  ALL_DEVICES,
  DEFAULT_DEVICE_RULES,
  DEFAULT_PATH,
  MASKED_PATHS,
  READONLY_PATHS,
} from "../oci/defaults.ts";
import type { IDMapping, Namespace, Resources, Seccomp, Spec } from "../oci/spec.ts";
import { OCI_VERSION_MAX } from "../oci/version.ts";
import { hostDevices } from "./host_devices.ts";
import type { ImageDefaults } from "./image.ts";
import { containerMounts } from "./mounts.ts";
import type { RunOptions } from "./options.ts";

/** What of a container was worked out before its config is written. */
export interface ConfigParts {
  readonly id: string;
  /** The name that the user gave, or the id. */
  readonly name: string;
  readonly hostname: string;
  /** The container's folder, absolute. */
  readonly folder: string;
  /** The overlay's lower layers, absolute, the topmost first. */
  readonly lowerdirs: readonly string[];
  /** What the image wants. */
  readonly defaults: ImageDefaults;
  /** The program with its arguments. */
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  /** The network namespace to join, for `-net container:ID`. */
  readonly networkNamespace?: string;
  /** Folders for the image's volumes: [on the host, in the container]. */
  readonly volumes: readonly (readonly [source: string, destination: string])[];
  /** Files that are laid over those of the image: [on the host, in the container]. */
  readonly files: readonly (readonly [source: string, destination: string])[];
  /** Names as `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  readonly seccomp?: Seccomp;
  /** Of users and groups alike, where it has a user namespace. */
  readonly mappings?: readonly IDMapping[];
}

/** The annotation that says what a container was called: its state, which does so too, goes when it ends. */
const NAME = "gocontainer.name";

/** What the container of a config was called; undefined where that is not noted. */
export function nameIn({ annotations }: Spec): string | undefined {
  return annotations?.[NAME];
}

/**
 * Turns image and options into an OCI config.json: what anybody can read beside the container to
 * see what was asked for, and all that the runtime is told.
 */
export function makeConfig(options: RunOptions, parts: ConfigParts): Spec {
  const { user, capabilities, seccomp, mappings } = parts;
  const { privileged } = options;
  return {
    ociVersion: OCI_VERSION_MAX,
    root: { path: "rootfs", ...(options.readonlyRoot ? { readonly: true } : {}) },
    hostname: parts.hostname,
    process: {
      terminal: options.terminal,
      // The own group stands among the others too, or a program could drop it where a file denies
      // it more than everybody (CVE-2022-36109).
      user: { uid: user.uid, gid: user.gid, additionalGids: [user.gid, ...user.additionalGids] },
      args: [...parts.args],
      env: environment(options, parts),
      cwd: options.workingFolder ?? parts.defaults.workingFolder,
      capabilities: {
        bounding: [...capabilities],
        // A program of another user starts without any; what is permitted is root's.
        effective: user.uid === 0 ? [...capabilities] : [],
        permitted: user.uid === 0 ? [...capabilities] : [],
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: options.noNewPrivileges,
    },
    mounts: containerMounts(options, parts),
    linux: {
      namespaces: namespaces(options, parts),
      cgroupsPath: `/go_containers/${parts.id}`,
      resources: resources(options),
      ...(mappings ? { uidMappings: [...mappings], gidMappings: [...mappings] } : {}),
      ...(seccomp ? { seccomp } : {}),
      ...(privileged
        ? { devices: hostDevices() }
        : { maskedPaths: [...MASKED_PATHS], readonlyPaths: [...READONLY_PATHS] }),
    },
    // No label may say that it is another container.
    annotations: { ...parts.defaults.annotations, [NAME]: parts.name },
  };
}

function namespaces(options: RunOptions, parts: ConfigParts): Namespace[] {
  const own: Namespace[] = [
    { type: "mount" },
    { type: "uts" },
    { type: "pid" },
    { type: "ipc" },
    { type: "cgroup" },
  ];
  if (parts.networkNamespace !== undefined) {
    own.push({ type: "network", path: parts.networkNamespace });
  } else if (options.network.mode !== "host") own.push({ type: "network" });
  if (parts.mappings !== undefined) own.push({ type: "user" });
  return own;
}

/** How many processes a container may have where nothing is said: a fork bomb shall not take the host along. */
const DEFAULT_PIDS = 2048;

function resources(options: RunOptions): Resources {
  const { cpuShares, cpus, memory, pids } = options;
  const period = 100_000;
  const cpu = {
    ...(cpuShares > 0 ? { shares: cpuShares } : {}),
    ...(cpus === undefined ? {} : { quota: Math.round(cpus * period), period }),
  };
  return {
    devices: [...(options.privileged ? ALL_DEVICES : DEFAULT_DEVICE_RULES)],
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(memory === undefined ? {} : { memory: { limit: memory, swap: 2 * memory } }),
    ...(pids === 0 ? {} : { pids: { limit: pids ?? DEFAULT_PIDS } }),
  };
}

/**
 * Nothing of the caller's environment but TERM. What the image says counts more than what every
 * container has, and what the user says counts most.
 */
function environment(options: RunOptions, parts: ConfigParts): string[] {
  const { user } = parts;
  const variables = new Map<string, string>([
    ["PATH", DEFAULT_PATH],
    ["HOME", user.home],
    ["USER", user.name],
    ["HOSTNAME", parts.hostname],
    ["TERM", Deno.env.get("TERM") || "xterm"],
    ["PS1", "$USER@$HOSTNAME$ "],
  ]);
  for (const entry of [...parts.defaults.env, ...options.env]) {
    const at = entry.indexOf("=");
    variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return [...variables].map(([key, value]) => `${key}=${value}`);
}
