import { CAP_SYS_ADMIN, capget, capset } from "../../../ffi/capability.ts";
import { close } from "../../../ffi/file.ts";
import { dupFrom } from "../../../ffi/process.ts";
import { seccomp, SECCOMP_SET_MODE_FILTER, SockFprog } from "../../../ffi/seccomp.ts";
import { tell, waitForGo } from "../channel.ts";
import { type InitContext, InitError } from "../context.ts";
import type { SeccompStep } from "../plan.ts";

/**
 * Puts this process under the filter, where the launcher cannot do it right before `execve`: without
 * no_new_privs it takes CAP_SYS_ADMIN, which the program need not have; and a listener has to be handed
 * over. Everything is ready beforehand, so that little is called after it that the filter could refuse.
 */
export function loadFilter(context: InitContext, step: SeccompStep): void {
  const { capabilities } = step;
  const program = new SockFprog(step.filter.program);
  if (capabilities) {
    const { permitted, effective, inheritable } = capget();
    capset({ permitted, inheritable, effective: effective | CAP_SYS_ADMIN });
  }
  if (step.notify) announceListener(context);
  seccomp(SECCOMP_SET_MODE_FILTER, step.filter.flags, program);
  // Kept open until the parent has its copy: the last one to be closed ends the filter's notifications.
  if (step.notify && waitForGo(context.channel) === undefined) {
    throw new InitError("the parent is gone");
  }
  if (capabilities) capset(capabilities);
}

/**
 * Says under which number the listener is about to be there: telling it afterwards would take a call
 * that the filter may want to be asked about, by a listener that nobody has yet.
 */
function announceListener({ channel }: InitContext): void {
  const next = dupFrom(channel, 0);
  close(next);
  tell(channel, { type: "listener", fd: next });
}
