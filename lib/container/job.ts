import { AT_FDCWD, O_RDONLY, SIGNALS } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { dup2, kill } from "../../ffi/process.ts";
import { blockSignals, unblockSignals } from "../../ffi/signal.ts";
import { isInBackground } from "../../ffi/tty.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { ContainerError } from "../errors.ts";

/*
 * To the user's shell gocontainer is a job, and its program is a part of that. But the program has a
 * session of its own, where the kernel's job control does not reach it.
 */

/** Gives a program that is to run in the background no input, where that would be what the user types for others. */
export function leaveTerminalToFront(): void {
  const STDIN = 0;
  if (!isInBackground(STDIN)) return;
  using nothing = new Fd(openat(AT_FDCWD, "/dev/null", O_RDONLY));
  dup2(nothing.number, STDIN);
}

/** Ctrl-Z: stops this process, and with it the container, until the shell has it go on. */
export function stop(cgroup?: Pick<Cgroup, "freeze" | "thaw">): void {
  const frozen = cgroup !== undefined && tryFreeze(cgroup);
  // By the signal itself, to which the kernel knows exceptions, such as where no shell could end the stop.
  kill(Deno.pid, SIGNALS.SIGTSTP);
  unblockSignals([SIGNALS.SIGTSTP]);
  blockSignals([SIGNALS.SIGTSTP]);
  if (frozen) cgroup.thaw();
}

/** Whether there was a freezer to do it. */
function tryFreeze(cgroup: Pick<Cgroup, "freeze">): boolean {
  try {
    cgroup.freeze();
    return true;
  } catch (error) {
    if (error instanceof ContainerError) return false;
    throw error;
  }
}
