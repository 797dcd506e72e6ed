import { AT_FDCWD, O_RDONLY, SIGNALS } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { dup2, kill } from "../../ffi/process.ts";
import { blockSignals, unblockSignals } from "../../ffi/signal.ts";
import { isInBackground } from "../../ffi/tty.ts";
import { ContainerError, SysError } from "../errors.ts";
import { type Freezable, keepFrozen } from "./freeze.ts";

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

/** A program that leads a process group of its own, and what it has begun there: one of several in a container. */
export class ProcessGroup implements Freezable {
  readonly #leader: number;

  /** @param leader the number of the program, which is not waited for before the group is done with. */
  constructor(leader: number) {
    this.#leader = leader;
  }

  /** What has been stopped by itself goes on with its job. */
  isFrozen(): boolean {
    return false;
  }

  freeze(): void {
    // Not SIGTSTP, which does nothing to a group whose parents are all of another session (setpgid(2)).
    this.#signal(SIGNALS.SIGSTOP);
  }

  thaw(): void {
    this.#signal(SIGNALS.SIGCONT);
  }

  #signal(signal: number): void {
    try {
      kill(-this.#leader, signal);
    } catch (error) {
      // All of it has ended, or has gone into other groups.
      if (!(error instanceof SysError && error.code === "ESRCH")) throw error;
    }
  }
}

/**
 * Ctrl-Z: stops this process until the shell has it go on, and with it what belongs to the job, a container by its
 * cgroup or a {@link ProcessGroup}. That goes on, too, when this process is killed meanwhile.
 */
export function stop(job?: Freezable): void {
  using _frozen = job && tryFreeze(job);
  // By the signal itself, to which the kernel knows exceptions, such as where no shell could end the stop.
  kill(Deno.pid, SIGNALS.SIGTSTP);
  unblockSignals([SIGNALS.SIGTSTP]);
  blockSignals([SIGNALS.SIGTSTP]);
}

/** Undefined where it cannot be, too: there is no freezer, or no process to be had that would see to its end. */
function tryFreeze(job: Freezable): Disposable | undefined {
  try {
    return keepFrozen(job);
  } catch (error) {
    if (error instanceof ContainerError || error instanceof SysError) return undefined;
    throw error;
  }
}
