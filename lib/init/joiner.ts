import { AT_FDCWD, CLONE_NEWTIME, CLONE_NEWUSER, O_WRONLY } from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { close, openat, writeAll } from "../../ffi/file.ts";
import { setns, unshare } from "../../ffi/namespace.ts";
import { _exit, type Clone, PR_SET_DUMPABLE, prctl } from "../../ffi/process.ts";
import { sched_setaffinity } from "../../ffi/scheduling.ts";
import { tell } from "./channel.ts";
import type { Plan } from "./plan.ts";
import { openProc } from "./procfs.ts";
import { type RunnerOptions, runPlan, tellFailure } from "./runner.ts";

/** Namespaces to join, and offsets of a new time namespace. */
export interface Joins {
  readonly join: readonly { readonly type: string; readonly fd: number; readonly flag: number }[];
  /** CPUs to run on before anything else, as those of the container's cgroup may be others. */
  readonly affinity?: readonly number[];
  /** CLONE_NEW* bits of those to make. */
  readonly clone: number;
  /** Lines for /proc/self/timens_offsets (time_namespaces(7)); undefined without a new time namespace. */
  readonly timeOffsets?: string;
}

/**
 * Joins all there is to join. What applies only to children, the pid and time namespaces, holds for those made
 * from now on.
 *
 * @param told is called with what is about to be done, in words.
 */
function joinAll(joins: Joins, told: (label: string) => void): void {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (joins.affinity !== undefined) {
    told("run on the CPUs of process.execCPUAffinity.initial");
    sched_setaffinity(joins.affinity);
  }
  // With the rights of the host first, and what they do not reach with those of the user namespace.
  let waiting = joins.join.filter(({ flag }) => flag !== CLONE_NEWUSER);
  const users = joins.join.filter(({ flag }) => flag === CLONE_NEWUSER);
  if (users.length > 0) waiting = waiting.filter(({ fd, flag }) => !tryJoin(fd, flag));
  for (const { type, fd, flag } of [...users, ...waiting]) {
    told(`join the ${type} namespace`);
    setns(fd, flag);
  }
  if (joins.timeOffsets !== undefined) {
    told("make a time namespace");
    unshare(CLONE_NEWTIME);
    told("set linux.timeOffsets");
    writeTimeOffsets(joins.timeOffsets);
  }
}

/**
 * A process in between: joining a pid namespace and making a time namespace take effect only for
 * children, so this one joins what there is to join, forks the real one as its sibling, tells its
 * number and ends.
 *
 * @param fork makes the sibling; returns twice.
 * @param child what the sibling does.
 */
export function runJoiner(
  joins: Joins,
  channel: number,
  fork: () => Clone,
  child: () => never,
): never {
  let label = "";
  try {
    joinAll(joins, (text) => label = text);
    label = "make the container's first process";
    const { pid } = fork();
    if (pid === 0) child();
    tell(channel, { type: "born", pid });
  } catch (error) {
    tellFailure(channel, { do: "join namespace", label }, error);
  }
  _exit(0);
}

/**
 * A process that joins a container or other namespaces and stays outside of the pid namespace, for all of its
 * plan: the launcher at the plan's end forks what is inside.
 */
export function runFromOutside(
  joins: Joins,
  plan: Plan,
  channel: number,
  options: RunnerOptions,
): never {
  let label = "";
  let proc: number | undefined;
  try {
    // Of the host's pid namespace: in the container's this process is not to be found.
    if (plan.some((step) => step.do === "security label")) proc = openProc();
    joinAll(joins, (text) => label = text);
    if (joins.clone !== 0) {
      label = "make the container's namespaces";
      unshare(joins.clone);
      tell(channel, { type: "entered" });
    }
  } catch (error) {
    tellFailure(channel, { do: "join namespace", label }, error);
    _exit(125);
  }
  return runPlan(plan, channel, { ...options, proc });
}

function tryJoin(fd: number, flag: number): boolean {
  try {
    setns(fd, flag);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "EPERM") return false;
    throw error;
  }
}

function writeTimeOffsets(lines: string): void {
  if (lines === "") return;
  const fd = openat(AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY);
  const bytes = cstring(lines);
  writeAll(fd, bytes.subarray(0, bytes.length - 1));
  close(fd);
}
