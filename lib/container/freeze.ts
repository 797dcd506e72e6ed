import { SIGNALS } from "../../ffi/constants.ts";
import { Fd } from "../../ffi/file.ts";
import { poll, POLLIN } from "../../ffi/poll.ts";
import {
  _exit,
  clone3,
  pidfd_open,
  pidfd_send_signal,
  setpgid,
  waitid,
} from "../../ffi/process.ts";
import { blockAllSignals } from "../../ffi/signal.ts";

/** Processes that stand still together: a cgroup's, or those of a process group. */
export interface Freezable {
  /** Whether all of it stands still. */
  isFrozen(): boolean;
  /**
   * Has all of it stand still.
   *
   * @throws {ContainerError} where it does not.
   */
  freeze(): void;
  /** Has it go on. */
  thaw(): void;
}

/**
 * Freezes processes until it is disposed of, or this process has ended, however that happens. Undefined where they
 * are frozen already, which is somebody else's.
 *
 * @throws {ContainerError} as {@link Freezable.freeze} does.
 */
export function keepFrozen(processes: Freezable): Disposable | undefined {
  if (processes.isFrozen()) return undefined;
  using undo = new DisposableStack();
  undo.use(atEndOfThisProcess(() => processes.thaw()));
  processes.freeze();
  undo.defer(() => processes.thaw());
  return undo.move();
}

/** Makes a process that waits for the end of this one, and does something then. Disposing of it ends it before. */
function atEndOfThisProcess(action: () => void): Disposable {
  using self = new Fd(pidfd_open(Deno.pid));
  // What ends this process, such as a Ctrl-C for all of its group, must not end that one.
  using _blocked = blockAllSignals();
  const { pid, pidfd } = clone3();
  if (pid === 0) {
    try {
      while (poll([{ fd: self.number, events: POLLIN, revents: 0 }]) === 0);
      action();
    } finally {
      _exit(0);
    }
  }
  // Nor must a shell's `kill -9 %1`, which is for all of the job, and may come before that one has done anything.
  setpgid(pid, 0);
  return {
    [Symbol.dispose]: () => {
      using process = new Fd(pidfd);
      pidfd_send_signal(process.number, SIGNALS.SIGKILL);
      waitid(pid);
    },
  };
}
