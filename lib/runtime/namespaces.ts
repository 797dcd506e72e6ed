import {
  AT_FDCWD,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  O_PATH,
  O_RDONLY,
} from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { namespaceType } from "../../ffi/namespace.ts";
import { fstatfsType } from "../../ffi/statfs.ts";
import { ContainerError, SysError } from "../errors.ts";
import { flagNames } from "../flag_names.ts";
import { NAMESPACES } from "../oci/namespaces.ts";
import type { Linux, Namespace, NamespaceType } from "../oci/spec.ts";

/** Which namespaces a container gets, and how. */
export interface NamespaceChoice {
  /** CLONE_NEW* bits of those that the process is born into. */
  readonly clone: number;
  /** CLONE_NEW* bits of those that it makes itself: they begin at what it has joined, and belong to who it is, then. */
  readonly unshare: number;
  /** Existing ones to join, the mount namespace last, since paths change with it. */
  readonly join: readonly { type: NamespaceType; fd: number; flag: number }[];
  /** Whether joining or making them takes a process in between (lib/init/joiner.ts). */
  readonly needsJoiner: boolean;
  /** Offsets of a new time namespace; undefined without one. */
  readonly timeOffsets?: string;
  /** CPUs to run on while joining. */
  readonly affinity?: readonly number[];
  /** Whether the container has one of its own, new or joined. */
  has(type: NamespaceType): boolean;
  /** Whether it is a new one. */
  isNew(type: NamespaceType): boolean;
}

/** What else is known of a container's namespaces. */
export interface NamespaceOptions {
  /** Those of the clocks in a new time namespace. */
  readonly offsets?: Linux["timeOffsets"];
  /** The new network namespace, where it is there already; it stays the caller's. */
  readonly netns?: number;
}

/**
 * Works out the namespaces of a config (config-linux.md, "Namespaces") and opens those to be joined.
 *
 * @param acquired what to close once the child has been made.
 * @throws {ContainerError} when a path is not a namespace of its type.
 */
export function chooseNamespaces(
  namespaces: readonly Namespace[],
  acquired: DisposableStack,
  { offsets = {}, netns }: NamespaceOptions = {},
): NamespaceChoice {
  let clone = 0;
  let unshare = 0;
  let timeOffsets: string | undefined;
  const join: { type: NamespaceType; fd: number; flag: number }[] = [];
  // The folder of message queues belongs to who makes their namespace, which is to be the root of that one.
  const hasUser = namespaces.some(({ type }) => type === "user");
  for (const { type, path } of namespaces) {
    const { flag } = NAMESPACES[type];
    if (path !== undefined) {
      join.push({ type, flag, fd: openNamespace(type, path, flag, acquired) });
    } else if (type === "network" && netns !== undefined) {
      join.push({ type, flag, fd: netns });
    } else if (flag === CLONE_NEWCGROUP || flag === CLONE_NEWIPC && hasUser) unshare |= flag;
    else if (flag === CLONE_NEWTIME) timeOffsets = offsetLines(offsets);
    else clone |= flag;
  }
  join.sort(joinOrder);
  return {
    clone,
    unshare,
    join,
    // In a new user namespace the rights are gone that joining those of others takes.
    needsJoiner: timeOffsets !== undefined || (join.length > 0 && (clone & CLONE_NEWUSER) !== 0) ||
      join.some(({ type }) => type === "pid" || type === "user" || type === "time"),
    timeOffsets,
    has: (type) => namespaces.some((namespace) => namespace.type === type),
    isNew: (type) => namespaces.some(({ type: t, path }) => t === type && path === undefined),
  };
}

/** The lines that /proc/<pid>/timens_offsets takes (time_namespaces(7)). */
function offsetLines(offsets: NonNullable<Linux["timeOffsets"]>): string {
  return Object.entries(offsets)
    .map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`).join("");
}

/** Sorts namespaces as they are to be joined: the user namespace gives the rights for the others, the mount namespace changes what paths mean. */
export function joinOrder(a: { type: NamespaceType }, b: { type: NamespaceType }): number {
  return JOIN_ORDER.indexOf(a.type) - JOIN_ORDER.indexOf(b.type);
}

const JOIN_ORDER: readonly NamespaceType[] = [
  "user",
  "ipc",
  "uts",
  "network",
  "pid",
  "cgroup",
  "time",
  "mount",
];

/** linux/magic.h. */
const NSFS_MAGIC = 0x6e736673;

function openNamespace(
  type: NamespaceType,
  path: string,
  flag: number,
  acquired: DisposableStack,
): number {
  try {
    // To open something else may be to wait without end, or to set a device going.
    using place = new Fd(openat(AT_FDCWD, path, O_PATH));
    if (fstatfsType(place.number) === NSFS_MAGIC) {
      const file = openat(AT_FDCWD, `/proc/self/fd/${place.number}`, O_RDONLY);
      const fd = acquired.use(new Fd(file));
      if (namespaceType(fd.number) === flag) return fd.number;
    }
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw new ContainerError(`join the ${type} namespace "${path}": ${cause.message}`, {
      code: "InvalidSpec",
      cause,
    });
  }
  throw new ContainerError(`join the ${type} namespace "${path}": it is of another kind`, {
    code: "InvalidSpec",
  });
}

/** The CLONE_NEW* bits of clone(2) by their names. */
export function namespaceFlags(flags: number): string {
  return flagNames(flags, {
    CLONE_NEWUSER,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    CLONE_NEWIPC,
    CLONE_NEWPID,
    CLONE_NEWNET,
    CLONE_NEWCGROUP,
  });
}
