import { SIGNALS } from "../../ffi/constants.ts";
import { Fd } from "../../ffi/file.ts";
import { poll, POLLIN } from "../../ffi/poll.ts";
import { _exit, clone3, pidfd_open, pidfd_send_signal, waitid } from "../../ffi/process.ts";
import { blockSignals, unblockSignals } from "../../ffi/signal.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";

/**
 * Freezes a cgroup until it is disposed of, or this process has ended, however that happens. Undefined where it is
 * frozen already, which is somebody else's.
 *
 * @throws {ContainerError} as {@link Cgroup.freeze} does.
 */
export function keepFrozen(cgroup: Cgroup): Disposable | undefined {
  if (cgroup.isFrozen()) return undefined;
  using undo = new DisposableStack();
  undo.use(atEndOfThisProcess(() => cgroup.thaw()));
  cgroup.freeze();
  undo.defer(() => cgroup.thaw());
  return undo.move();
}

/** Makes a process that waits for the end of this one, and does something then. Disposing of it ends it before. */
function atEndOfThisProcess(action: () => void): Disposable {
  using self = new Fd(pidfd_open(Deno.pid));
  // What ends this process, such as a Ctrl-C for all of its group, must not end that one.
  blockSignals(ALL);
  const { pid, pidfd } = clone3();
  if (pid === 0) {
    try {
      while (poll([{ fd: self.number, events: POLLIN, revents: 0 }]) === 0);
      action();
    } finally {
      _exit(0);
    }
  }
  unblockSignals(ALL);
  return {
    [Symbol.dispose]: () => {
      using process = new Fd(pidfd);
      pidfd_send_signal(process.number, SIGNALS.SIGKILL);
      waitid(pid);
    },
  };
}

const ALL = Array.from({ length: 64 }, (_, i) => i + 1);
