import { resolve } from "@std/path/posix/resolve";
import {
  DEFAULT_DEVICE_RULES,
  DEFAULT_MOUNTS,
  DEFAULT_PATH,
  MASKED_PATHS,
  READONLY_PATHS,
} from "../../oci/defaults.ts";
import type { Mount, Spec } from "../../oci/spec.ts";
import { OCI_VERSION_MAX } from "../../oci/version.ts";
import { ContainerError, reasonOf } from "../../errors.ts";
import { stringifyJSON } from "../../json.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";

/** The options of `spec`. */
export const SPEC_OPTIONS: readonly OptionSpec[] = [
  {
    name: "bundle",
    alias: "b",
    value: "FOLDER",
    help: "where to write (default the current folder)",
  },
  { name: "rootless", help: "for a caller who is not root" },
];

/** `spec [--bundle FOLDER] [--rootless]`: writes a config.json to begin with. */
export function specCommand(args: Arguments): number {
  const file = resolve(args.text("bundle") ?? ".", "config.json");
  const spec = args.flag("rootless") ? rootless(exampleSpec()) : exampleSpec();
  try {
    Deno.writeTextFileSync(file, stringifyJSON(spec, 2) + "\n", { createNew: true, mode: 0o644 });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) {
      throw new ContainerError(`write "${file}": ${reasonOf(cause)}`, { cause });
    }
    throw new ContainerError(`write "${file}": it is there already`, {
      code: "Exists",
      hint: "Remove it first, or name another folder with --bundle",
      cause,
    });
  }
  return 0;
}

function exampleSpec(): Spec {
  const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
  return {
    ociVersion: OCI_VERSION_MAX,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: [`PATH=${DEFAULT_PATH}`, "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "gocontainer",
    mounts: [...DEFAULT_MOUNTS],
    linux: {
      resources: { devices: [...DEFAULT_DEVICE_RULES] },
      namespaces: [
        { type: "pid" },
        { type: "network" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        { type: "cgroup" },
      ],
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
    },
  };
}

/** The same for a caller without rights: a user namespace with his own id as root, no limits, the host's network and /sys. */
function rootless(spec: Spec): Spec {
  const linux = spec.linux!;
  const namespaces = linux.namespaces!.filter(({ type }) => type !== "network");
  return {
    ...spec,
    mounts: spec.mounts!.map(withoutOthers).map(sysOfHost),
    linux: {
      ...linux,
      resources: undefined,
      namespaces: [...namespaces, { type: "user" }],
      uidMappings: [{ containerID: 0, hostID: Deno.uid() ?? 0, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: Deno.gid() ?? 0, size: 1 }],
    },
  };
}

/** Groups that are not mapped cannot be named. */
function withoutOthers(mount: Mount): Mount {
  return { ...mount, options: mount.options?.filter((option) => !/^[ug]id=/.test(option)) };
}

/** sysfs belongs to a network namespace; the host's is bound instead. */
function sysOfHost(mount: Mount): Mount {
  if (mount.destination !== "/sys") return mount;
  const options = ["rbind", "nosuid", "noexec", "nodev", "ro"];
  return { destination: "/sys", type: "none", source: "/sys", options };
}
