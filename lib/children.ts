import { SIGNALS } from "../ffi/constants.ts";
import { resetSignal } from "../ffi/signal.ts";

/**
 * Lets this process hear of the ends of its children. Whoever was started by somebody who ignores SIGCHLD
 * ignores it too, and then the kernel forgets a child the moment it ends (waitpid(2), NOTES).
 */
export function expectChildren(): void {
  resetSignal(SIGNALS.SIGCHLD);
}
