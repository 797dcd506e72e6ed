import { capget } from "../../ffi/capability.ts";
import { AT_FDCWD, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import type { DeviceNode } from "../init/plan.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import type { Device } from "../oci/spec.ts";

/** The nodes of a container: those that every one has, and those of `linux.devices`, which come first at the same path. */
export function containerNodes(devices: readonly Device[]): DeviceNode[] {
  if (devices.length === 0) return [...DEFAULT_DEVICES];
  // Engines that pass on all devices of the host name it too; a node would be the host's multiplexer.
  const others = devices.filter(({ path }) => path !== "/dev/ptmx");
  const paths = new Set(others.map(({ path }) => path));
  return [...DEFAULT_DEVICES.filter(({ path }) => !paths.has(path)), ...others.map(deviceNode)];
}

/** Whether it is no device at all, and so one that anybody can make. */
export function isFifo({ mode }: DeviceNode): boolean {
  return (mode & S_IFMT) === S_IFIFO;
}

/** Whether this process may make any: root of a container may have been left without the right. */
export function mayMakeNodes(): boolean {
  return (capget().effective >> BigInt(CAPABILITIES.CAP_MKNOD) & 1n) === 1n;
}

function device(path: string, major: number, minor: number): DeviceNode {
  return { path, mode: S_IFCHR | 0o666, major, minor, uid: 0, gid: 0 };
}

/** The devices of every container (config-linux.md, "Default Devices"). */
const DEFAULT_DEVICES: readonly DeviceNode[] = [
  device("/dev/null", 1, 3),
  device("/dev/zero", 1, 5),
  device("/dev/full", 1, 7),
  device("/dev/random", 1, 8),
  device("/dev/urandom", 1, 9),
  device("/dev/tty", 5, 0),
];

/**
 * The links of every container (runtime-linux.md, "Dev symbolic links", and /dev/ptmx); where the kernel shows its
 * memory, /dev/core leads there, as programs expect it (proc_kcore(5)): that file is masked by default.
 */
export function deviceLinks(): readonly (readonly [path: string, target: string])[] {
  return [
    ["/dev/fd", "/proc/self/fd"],
    ["/dev/stdin", "/proc/self/fd/0"],
    ["/dev/stdout", "/proc/self/fd/1"],
    ["/dev/stderr", "/proc/self/fd/2"],
    ["/dev/ptmx", "pts/ptmx"],
    ...tryStatx(AT_FDCWD, "/proc/kcore") !== undefined
      ? [["/dev/core", "/proc/kcore"] as const]
      : [],
  ];
}

function deviceNode({ type, path, major, minor, fileMode, uid, gid }: Device): DeviceNode {
  const kind = type === "b" ? S_IFBLK : type === "p" ? S_IFIFO : S_IFCHR;
  return {
    path,
    mode: kind | ((fileMode ?? 0o666) & 0o7777),
    major: major ?? 0,
    minor: minor ?? 0,
    uid: uid ?? 0,
    gid: gid ?? 0,
  };
}
