/**
 * Where the launcher can stand in for a copy of this program: while it waits for `start`, and in a pid namespace with
 * others in it. Whether a process is the launcher from its beginning on is told in ../launched_process.ts.
 */

import { AT_FDCWD, CLONE_PARENT, O_RDONLY, SIGNALS } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import { fsconfig_set_fd, fsopen } from "../../../ffi/mount.ts";
import { type SyscallName, SYSCALLS } from "../../../ffi/syscalls.ts";
import { TIOCSCTTY } from "../../../ffi/tty.ts";
import type { SeccompFilter, Step } from "../../init/plan.ts";
import type { Process, Spec } from "../../oci/spec.ts";
import { allows } from "../../seccomp/allows.ts";
import { mountStep } from "../mount_step.ts";
import type { NamespaceChoice } from "../namespaces.ts";
import type { PlanOptions } from "./container.ts";
import type { LastSteps, ProgramOptions } from "./program.ts";

/**
 * Whether a container that joins a pid namespace can be made from outside of it, where those who are in there see
 * nothing of this program. Its procfs is not that of the process that mounts it, which the kernel has to know of.
 *
 * Not with a user namespace, which takes away the right to join it late. Those who are in that one as well have no
 * rights over this program, which was run outside of it (ptrace(2), "Ptrace access mode checking").
 */
export function canCreateFromOutside(
  { process, hooks, mounts = [] }: Spec,
  namespaces: NamespaceChoice,
  program: ProgramOptions,
  listener: number | undefined,
): boolean {
  if (!namespaces.join.some(({ type }) => type === "pid") || namespaces.has("user")) return false;
  if (process === undefined || hooks?.startContainer?.length) return false;
  const launcherWaits = listener !== undefined;
  if (!canLaunch(process, { program, fromOutside: true, launcherWaits })) {
    return false;
  }
  const procs = mounts.filter(({ type }) => type === "proc").map((mount) => mountStep(mount));
  return procs.every(({ legacy }) => legacy === undefined) &&
    (procs.length === 0 || canChoosePidNamespace());
}

/** Whether a procfs takes the pid namespace that it shows as an option: since Linux 6.17. */
function canChoosePidNamespace(): boolean {
  using context = new Fd(fsopen("proc"));
  using own = new Fd(openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY));
  try {
    fsconfig_set_fd(context.number, "pidns", own.number);
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

/**
 * Whether a container that waits for a later `start` can wait as the launcher, in which nothing of this program
 * is left for what `exec` runs meanwhile.
 */
export function canLauncherWait(
  process: Process,
  options: PlanOptions & Pick<LastSteps, "startHooks">,
): boolean {
  return options.listener !== undefined && canLaunch(process, { ...options, launcherWaits: true });
}

/**
 * Whether a process can be made by the launcher from outside of the container's pid namespace. Not with what
 * has to be the program's own process already: one that changes its label by SELinux, or whose filter asks a
 * listener; nor under a filter that would not let the launcher do its part, where loading it is what takes
 * CAP_SYS_ADMIN.
 */
export function canLaunchFromOutside(process: Process, options: ProgramOptions): boolean {
  return canLaunch(process, { program: options, fromOutside: true });
}

function canLaunch(process: Process, options: LastSteps): boolean {
  const { labels, seccomp } = options.program;
  if (hasExecLabel(labels) || seccomp?.notify) return false;
  return seccomp === undefined || process.noNewPrivileges === true ||
    mayLaunch(seccomp, process, launchCalls(options));
}

/** Whether SELinux is to label the program, which only a process that is forked prepares. */
function hasExecLabel(labels: readonly Step[]): boolean {
  return labels.some((step) => step.do === "security label" && step.file === "exec");
}

/** What is called between the loading of a filter and the program. */
export function launchCalls({ fromOutside, launcherWaits, startHooks }: LastSteps): SyscallName[] {
  return [
    ...["capset", "execveat", "prctl", "fcntl", "write", "exit_group", "read", "execve"] as const,
    ...fromOutside ? ["setsid", "clone", "ioctl"] as const : [],
    ...launcherWaits ? ["accept4", "dup3"] as const : [],
    ...startHooks ? HOOK_CALLS : [],
  ];
}

const HOOK_CALLS = ["clone", "memfd_create", "dup3", "lseek", "close_range", "wait4"] as const;

/** Whether a filter allows all that comes between its loading and the program. */
export function mayLaunch(
  { program }: SeccompFilter,
  { terminal, rlimits = [] }: Process,
  calls: readonly SyscallName[],
): boolean {
  const args: Partial<Record<SyscallName, number[]>> = {
    clone: [CLONE_PARENT | SIGNALS.SIGCHLD],
    ioctl: [0, TIOCSCTTY],
  };
  return [...calls, ...rlimits.length > 0 ? ["prlimit64" as const] : []]
    .filter((name) => name !== "ioctl" || terminal)
    .every((name) => allows(program, SYSCALLS[name], args[name]));
}
