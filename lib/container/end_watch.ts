import { SIGNALS } from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { Fd } from "../../ffi/file.ts";
import { poll, POLLIN } from "../../ffi/poll.ts";
import {
  _exit,
  clone3,
  close_range,
  LAST_FD,
  pidfd_open,
  pidfd_send_signal,
  PR_SET_NAME,
  prctl,
  setpgid,
  waitid,
} from "../../ffi/process.ts";
import { blockAllSignals } from "../../ffi/signal.ts";

/** What the process is called, so that `pkill -9 gocontainer`, which this is for, does not end it as well. */
const NAME = "end-watch";

/**
 * Makes a process that waits for the end of this one, however it comes, and does something then. Disposing of it ends
 * it before.
 *
 * @param action is done with standard input alone, and with all signals blocked.
 */
export function atEndOfThisProcess(action: () => void): Disposable {
  using self = new Fd(pidfd_open(Deno.pid));
  // What ends this process, such as a Ctrl-C for all of its group, must not end that one.
  using _blocked = blockAllSignals();
  const { pid, pidfd } = clone3();
  if (pid === 0) {
    try {
      // Or what this process has open, such as a lock, would be so until that one has ended.
      close_range(1, self.number - 1, 0);
      close_range(self.number + 1, LAST_FD, 0);
      prctl(PR_SET_NAME, cstring(NAME));
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
