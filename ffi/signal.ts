import { syscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";
import { SIGNALS } from "./constants.ts";

/** struct signalfd_siginfo, signalfd(2): the fields that are used. */
export const signalfd_siginfo = struct("signalfd_siginfo", 128, {
  ssi_signo: [0, "u32"],
  ssi_code: [8, "i32"],
  ssi_pid: [12, "u32"],
});

/** A signal set as the kernel has it: bit n-1 for signal n. */
function sigset(signals: Iterable<number>): Uint8Array<ArrayBuffer> {
  let bits = 0n;
  for (const signal of signals) bits |= 1n << BigInt(signal - 1);
  const bytes = alloc(8);
  new DataView(bytes.buffer).setBigUint64(0, bits, true);
  return bytes;
}

const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;

/** sigprocmask(2) SIG_BLOCK for this thread. */
export function blockSignals(signals: Iterable<number>): void {
  syscall("rt_sigprocmask", "block", SIG_BLOCK, sigset(signals), null, 8);
}

/** sigprocmask(2) SIG_UNBLOCK for this thread; what has come meanwhile arrives before this returns. */
export function unblockSignals(signals: Iterable<number>): void {
  syscall("rt_sigprocmask", "unblock", SIG_UNBLOCK, sigset(signals), null, 8);
}

/** sigprocmask(2) SIG_SETMASK for this thread: exactly these are blocked afterwards. */
export function setSignalMask(signals: Iterable<number>): void {
  syscall("rt_sigprocmask", "set", SIG_SETMASK, sigset(signals), null, 8);
}

/** Blocks all signals for this thread, as far as they can be; disposing of it puts back the mask there was. */
export function blockAllSignals(): Disposable {
  const before = alloc(8);
  const all = alloc(8).fill(0xff);
  syscall("rt_sigprocmask", "set", SIG_SETMASK, all, before, 8);
  return {
    [Symbol.dispose]: () => {
      syscall("rt_sigprocmask", "set", SIG_SETMASK, before, null, 8);
    },
  };
}

/** signalfd(2), close-on-exec, not blocking: the given signals, which have to be blocked, are read from it. */
export function signalfd(signals: Iterable<number>): number {
  const SFD_CLOEXEC = 0o2000000;
  const SFD_NONBLOCK = 0o4000;
  return syscall("signalfd4", "", -1, sigset(signals), 8, SFD_CLOEXEC | SFD_NONBLOCK);
}

/**
 * Puts every signal back to its default action. What is ignored stays
 * ignored through execve, and this runtime itself ignores SIGPIPE: a shell pipe in a container would
 * never end.
 */
export function resetSignals(): void {
  for (let signal = 1; signal <= 64; signal++) {
    if (signal === SIGNALS.SIGKILL || signal === SIGNALS.SIGSTOP) continue;
    // 32 and 33 belong to the C library's threads; through the system call they are like any other.
    resetSignal(signal);
  }
}

/** SIG_DFL, no flags, empty mask. */
const BY_DEFAULT = alloc(32);

/** Puts a signal back to its default action (sigaction(2) SIG_DFL). */
export function resetSignal(signal: number): void {
  syscall("rt_sigaction", "", signal, BY_DEFAULT, 0, 8);
}

/** Ignores a signal (sigaction(2) SIG_IGN); disposing of it puts back the action that it had. */
export function ignoreSignal(signal: number): Disposable {
  const before = alloc(32);
  const ignored = alloc(32);
  ignored[0] = 1;
  syscall("rt_sigaction", "", signal, ignored, before, 8);
  return {
    [Symbol.dispose]: () => {
      syscall("rt_sigaction", "", signal, before, 0, 8);
    },
  };
}
