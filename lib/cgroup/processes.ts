import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/file.ts";
import { pidfd_open, pidfd_send_signal } from "../../ffi/process.ts";
import { children, readIfThere } from "./cgroupfs.ts";

/** The process ids in a cgroup and all cgroups below it; none when it is gone. */
export function pidsBelow(folder: string): number[] {
  return [...ownPids(folder), ...children(folder).flatMap(pidsBelow)];
}

function ownPids(folder: string): number[] {
  try {
    return (readIfThere(`${folder}/cgroup.procs`) ?? "").split("\n").filter(Boolean).map(Number);
  } catch (error) {
    // A threaded cgroup has threads only; their processes stand in the cgroup above it.
    if (error instanceof SysError && error.code === "EOPNOTSUPP") return [];
    throw error;
  }
}

/**
 * Sends SIGKILL to each process that `members` gives. A number may have passed to a stranger since
 * it was read: so each process is held first, and hit only if the number is still a member's then.
 */
export function killMembers(members: () => number[]): void {
  const held = members().map((pid) => ({ pid, fd: hold(pid) }));
  const still = new Set(members());
  for (const { pid, fd } of held) {
    if (!fd) continue;
    using process = fd;
    if (still.has(pid)) signal(process.number);
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

function signal(pidfd: number): void {
  try {
    pidfd_send_signal(pidfd, SIGNALS.SIGKILL);
  } catch (error) {
    if (!isEnded(error)) throw error;
  }
}

function isEnded(error: unknown): boolean {
  // EINVAL is pidfd_open's word for a thread that leads no process (any more).
  return error instanceof SysError && (error.code === "ESRCH" || error.code === "EINVAL");
}
