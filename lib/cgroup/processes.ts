import { AT_FDCWD } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/file.ts";
import { pidfd_open, tryPidfdSendSignal } from "../../ffi/process.ts";
import { readIfThere } from "./cgroupfs.ts";
import { isLeaf, walkTree } from "./tree.ts";

/**
 * The process ids in a cgroup and all cgroups below it; none when it is gone.
 *
 * @param timeout as {@link walkTree} has it.
 */
export function pidsBelow(folder: string, timeout?: number): number[] {
  const pids: number[][] = [];
  walkTree(folder, { enter: (dirfd) => pids.push(ownPids(".", dirfd)) }, timeout);
  return pids.flat();
}

/** Whether a cgroup has neither processes nor cgroups below it, or is gone: most often there is no more to look for. */
export function isBare(folder: string): boolean {
  return ownPids(folder).length === 0 && isLeaf(folder);
}

/** Whether processes stand in a cgroup itself. */
export function hasProcesses(folder: string): boolean {
  return ownPids(folder).length > 0;
}

function ownPids(folder: string, dirfd = AT_FDCWD): number[] {
  try {
    const text = readIfThere(`${folder}/cgroup.procs`, dirfd) ?? "";
    return text.split("\n").filter(Boolean).map(Number);
  } catch (error) {
    // A threaded cgroup has threads only; their processes stand in the cgroup above it.
    if (error instanceof SysError && error.code === "EOPNOTSUPP") return [];
    throw error;
  }
}

/** How many processes are held at a time: each takes a descriptor. */
const MOST_HELD = 256;

/**
 * Sends a signal to each process that `members` gives. A number may have passed to a stranger since
 * it was read: so each process is held first, and hit only if the number is still a member's then.
 */
export function signalMembers(members: () => number[], signal: number): void {
  const pids = members();
  for (let at = 0; at < pids.length; at += MOST_HELD) {
    using held = new DisposableStack();
    const processes = pids.slice(at, at + MOST_HELD).map((pid) => ({ pid, fd: hold(pid) }));
    for (const { fd } of processes) held.use(fd);
    const still = new Set(members());
    for (const { pid, fd } of processes) {
      if (fd && still.has(pid)) tryPidfdSendSignal(fd.number, signal);
    }
  }
}

function hold(pid: number): Fd | undefined {
  try {
    return new Fd(pidfd_open(pid));
  } catch (error) {
    if (isEnded(error)) return undefined;
    throw error;
  }
}

function isEnded(error: unknown): boolean {
  // EINVAL is pidfd_open's word for a thread that leads no process (any more).
  return error instanceof SysError && (error.code === "ESRCH" || error.code === "EINVAL");
}
