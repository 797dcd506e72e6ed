import { EFFECTIVE } from "./annotations.ts";
import { CAPABILITIES } from "./capabilities.ts";
import { HOOKS } from "./hooks.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "./memory_policy.ts";
import {
  CLEARED,
  IDMAPS,
  PROPAGATION,
  RECURSIVE,
  RECURSIVE_CLEARED,
  SET,
  TMPCOPYUP,
} from "./mount_options.ts";
import { NAMESPACES } from "./namespaces.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "./seccomp_names.ts";
import { OCI_VERSION_MAX, OCI_VERSION_MIN } from "./version.ts";

/** The features structure (features.md, features-linux.md of the runtime specification 1.3.0). */
export interface Features {
  ociVersionMin: string;
  ociVersionMax: string;
  hooks: string[];
  mountOptions: string[];
  linux: LinuxFeatures;
  annotations: Record<string, string>;
  /** Annotations of config.json that change what the runtime does; with a dot at the end, all that begin so. */
  potentiallyUnsafeConfigAnnotations: string[];
}

/** What of Linux the runtime knows (features-linux.md). */
export interface LinuxFeatures {
  namespaces: string[];
  capabilities: string[];
  cgroup: { v1: boolean; v2: boolean; systemd: boolean; systemdUser: boolean; rdma: boolean };
  seccomp: {
    enabled: boolean;
    actions: string[];
    operators: string[];
    archs: string[];
    knownFlags: string[];
    supportedFlags: string[];
  };
  apparmor: { enabled: boolean };
  selinux: { enabled: boolean };
  memoryPolicy: { modes: string[]; flags: string[] };
  intelRdt: { enabled: boolean; schemata: boolean; monitoring: boolean };
  mountExtensions: { idmap: { enabled: boolean } };
  netDevices: { enabled: boolean };
}

/**
 * What this runtime understands, whatever the host's kernel can do. The lists are those that config.json
 * is checked against and mount options are read by.
 *
 * @param version the program's own, told as an annotation.
 */
export function features(version: string): Features {
  return {
    ociVersionMin: OCI_VERSION_MIN,
    ociVersionMax: OCI_VERSION_MAX,
    hooks: [...HOOKS],
    mountOptions: mountOptionNames(),
    linux: {
      namespaces: Object.keys(NAMESPACES).sort(),
      capabilities: Object.keys(CAPABILITIES),
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: [...SECCOMP_ACTIONS],
        operators: [...SECCOMP_OPERATORS],
        archs: [...SECCOMP_ARCHITECTURES],
        knownFlags: [...SECCOMP_FLAGS],
        supportedFlags: [...SECCOMP_FLAGS],
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      memoryPolicy: {
        modes: Object.keys(MEMORY_POLICY_MODES),
        flags: Object.keys(MEMORY_POLICY_FLAGS),
      },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "gocontainer.version": version },
    potentiallyUnsafeConfigAnnotations: [...EFFECTIVE],
  };
}

/** The names of the options of mounts that are not the file system's own. */
export function mountOptionNames(): string[] {
  const tables = [SET, CLEARED, PROPAGATION, RECURSIVE, RECURSIVE_CLEARED];
  return [...tables.flatMap((table) => Object.keys(table)), ...IDMAPS, TMPCOPYUP].sort();
}
