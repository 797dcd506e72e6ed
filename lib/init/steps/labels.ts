import { openProc, writeProc } from "../procfs.ts";
import { homeOf } from "../passwd.ts";
import type { InitContext } from "../context.ts";
import type { StepOf } from "../plan.ts";

/**
 * What the program is to a security module of the kernel: said now, true from `execve` on (proc_pid_attr(5)). A profile
 * of AppArmor lasts from the launcher on; what SELinux makes of a program goes by the file, so that the launcher has to
 * say it.
 */
export function setSecurityLabel(context: InitContext, step: StepOf<"security label">): void {
  if (step.file === "exec") {
    // A wrong one is refused here, where there are words for it; then none is set, or the launcher would have it.
    for (const value of [step.value, "\n"]) writeProc("self/attr/exec", value);
    context.label = { proc: openProc(), value: step.value };
    return;
  }
  writeProc(`self/attr/${step.file}`, step.value, context.proc);
}

/** Looks for the user's home folder; "/" where the container does not know the user. */
export function findHome(context: InitContext, step: StepOf<"find home">): void {
  context.home = homeOf(context.root, step.uid, context.own) ?? "/";
}
