import { readFile } from "../../ffi/file.ts";
import { getrlimit, setrlimit } from "../../ffi/process.ts";
import { ioprio_set, sched_setattr } from "../../ffi/scheduling.ts";
import { ContainerError, reasonOf, SysError } from "../errors.ts";
import { RLIMITS } from "../oci/rlimits.ts";
import { IO_PRIORITY_CLASSES, SCHEDULER_FLAGS, SCHEDULER_POLICIES } from "../oci/scheduling.ts";
import type { Process, Rlimit } from "../oci/spec.ts";

/**
 * What of a process takes rights on the host, so that the parent does it from outside: the process itself
 * may be in a user namespace, where it has none. The process must be our child and not reaped.
 *
 * @throws {ContainerError} naming the field.
 */
export function applyEarlySettings(pid: number, process: Process): void {
  for (const limit of process.rlimits ?? []) raiseHardLimit(pid, limit);
  if (process.oomScoreAdj !== undefined) setOomScore(pid, process.oomScoreAdj);
}

/** As {@link applyEarlySettings}, for what would hinder the process while it is being built. */
export function applyLateSettings(pid: number, process: Process): void {
  const { scheduler, ioPriority } = process;
  if (scheduler !== undefined) {
    const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
    const flags = (scheduler.flags ?? []).reduce((all, name) => all | SCHEDULER_FLAGS[name], 0);
    attempt("process.scheduler", policy, () =>
      sched_setattr(pid, {
        policy: SCHEDULER_POLICIES[policy],
        flags,
        nice,
        priority,
        runtime: BigInt(runtime),
        deadline: BigInt(deadline),
        period: BigInt(period),
      }));
  }
  if (ioPriority !== undefined) {
    const { class: name, priority } = ioPriority;
    attempt("process.ioPriority", name, () => ioprio_set(pid, IO_PRIORITY_CLASSES[name], priority));
  }
}

/**
 * Raises a hard limit; the soft one stays, as the process has work to do before it becomes the program. It
 * sets the limits as they are wanted itself in the end, which takes no rights then.
 *
 * What is in force is asked of this process, from which the other one has it: of that, which may be
 * another user by now, even the question would take CAP_SYS_RESOURCE (prlimit(2)).
 */
function raiseHardLimit(pid: number, { type, hard }: Rlimit): void {
  const resource = RLIMITS[type];
  const now = getrlimit(0, resource);
  if (BigInt(hard) <= now.hard) return;
  attempt("process.rlimits", type, () => setrlimit(pid, resource, now.soft, BigInt(hard)));
}

function setOomScore(pid: number | "self", adjustment: number): void {
  try {
    Deno.writeTextFileSync(`/proc/${pid}/oom_score_adj`, String(adjustment), { create: false });
  } catch (cause) {
    throw refused("process.oomScoreAdj", String(adjustment), cause);
  }
}

/**
 * Takes a score that the processes made from now on inherit, until it is disposed of: an ordinary user cannot
 * write to that of a process which nobody may look into.
 *
 * @throws {ContainerError} naming the field.
 */
export function lendOomScore(adjustment: number): Disposable {
  const own = Number(readFile("/proc/self/oom_score_adj"));
  setOomScore("self", adjustment);
  return { [Symbol.dispose]: () => setOomScore("self", own) };
}

function attempt(field: string, value: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw refused(field, value, cause);
  }
}

function refused(field: string, value: string, cause: unknown): ContainerError {
  const rights = cause instanceof Deno.errors.PermissionDenied ||
    (cause instanceof SysError && (cause.code === "EPERM" || cause.code === "EACCES"));
  return new ContainerError(`apply ${field} ${JSON.stringify(value)}: ${reasonOf(cause)}`, {
    code: "InvalidSpec",
    hint: rights ? HINTS[field] ?? NO_RIGHTS : undefined,
    cause,
  });
}

const NO_RIGHTS = "It takes a right that this process lacks: see CapEff in /proc/self/status";

/** What is behind a refusal where that is more than a right. */
const HINTS: Readonly<Record<string, string>> = {
  "process.scheduler":
    "Realtime policies take CAP_SYS_NICE, and under cgroup v1 time of their own in the cgroup and all " +
    "above it: linux.resources.cpu.realtimeRuntime",
  "process.oomScoreAdj":
    "To go below what this process has itself takes CAP_SYS_RESOURCE: see /proc/self/oom_score_adj",
};
