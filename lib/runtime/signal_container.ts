import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/file.ts";
import { pidfd_open, pidfd_send_signal } from "../../ffi/process.ts";
import { signalMembers } from "../cgroup/processes.ts";
import { ContainerError } from "../errors.ts";
import { cgroupOf, requireHere, waitsForStart } from "./container.ts";
import { membersOf } from "./members.ts";
import { isAlive } from "./process_identity.ts";
import type { ContainerState } from "./state.ts";

/**
 * Sends a signal to a container's first process, to that very process and no later one of its number. One that waits
 * for its start is killed by each signal that would end the program: it heeds none, and as the first of its pid
 * namespace it would not see them.
 *
 * @throws {ContainerError} when it does not run.
 */
export function signalContainer(state: ContainerState, signal: number): void {
  const { init, id } = state.record;
  requireHere(state, "signal");
  try {
    if (init === undefined) throw notRunning(id);
    using pidfd = new Fd(pidfd_open(init.pid));
    if (!isAlive(init)) throw notRunning(id);
    pidfd_send_signal(pidfd.number, meantFor(state, signal));
  } catch (error) {
    if (error instanceof SysError && error.code === "ESRCH") throw notRunning(id);
    throw error;
  }
}

/** Sends a signal to all processes of a container, with what {@link signalContainer} makes of it. */
export function signalAll(state: ContainerState, sent: number): void {
  requireHere(state, "signal");
  const signal = meantFor(state, sent);
  if (signal === SIGNALS.SIGKILL && state.record.cgroups.length > 0) {
    return cgroupOf(state.record).kill();
  }
  signalMembers(() => membersOf(state), signal);
}

/** Those that end nobody by default (signal(7)); 0 asks whether there is a process. */
const HARMLESS: readonly number[] = [
  0,
  SIGNALS.SIGCHLD,
  SIGNALS.SIGCONT,
  SIGNALS.SIGSTOP,
  SIGNALS.SIGTSTP,
  SIGNALS.SIGTTIN,
  SIGNALS.SIGTTOU,
  SIGNALS.SIGURG,
  SIGNALS.SIGWINCH,
];

function meantFor(state: ContainerState, signal: number): number {
  return HARMLESS.includes(signal) || !waitsForStart(state) ? signal : SIGNALS.SIGKILL;
}

function notRunning(id: string): ContainerError {
  return new ContainerError(`signal container "${id}": container not running`, {
    code: "WrongState",
  });
}
