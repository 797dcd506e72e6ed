import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, read } from "../../ffi/file.ts";
import { poll, type PollFd, POLLIN } from "../../ffi/poll.ts";
import { type ExitStatus, kill, pidfd_send_signal, waitid } from "../../ffi/process.ts";
import { blockSignals, signalfd, signalfd_siginfo } from "../../ffi/signal.ts";
import { alloc } from "../../ffi/struct.ts";
import type { RuleWatch } from "../network/rule_watch.ts";
import { defaultActionOf } from "./disposition.ts";
import type { Freezable } from "./freeze.ts";
import { stop } from "./job.ts";
import type { TerminalRelay } from "./terminal.ts";

/** Not for the program: what cannot be held, faults, children and sockets, and a terminal that is another job's. */
const OWN: readonly number[] = [
  ...[SIGNALS.SIGKILL, SIGNALS.SIGSTOP],
  ...[SIGNALS.SIGSEGV, SIGNALS.SIGBUS, SIGNALS.SIGILL, SIGNALS.SIGFPE],
  ...[SIGNALS.SIGCHLD, SIGNALS.SIGURG],
  ...[SIGNALS.SIGTTIN, SIGNALS.SIGTTOU],
];

/** 32 and 33 are the C library's own. */
const FIRST_REAL_TIME = 34, LAST_REAL_TIME = 64;

/**
 * The signals that are meant for the program, not for gocontainer alone. Where gocontainer itself fails, by SIGTRAP
 * or abort(3), it ends all the same: the kernel does not let a fault be blocked, nor the C library an abort.
 */
const HELD: readonly number[] = [
  ...Object.values(SIGNALS).filter((signal) => !OWN.includes(signal)),
  ...Array.from({ length: LAST_REAL_TIME - FIRST_REAL_TIME + 1 }, (_, i) => FIRST_REAL_TIME + i),
];

/** Those of them by which a user ends what runs. */
const ENDING: readonly number[] = [
  SIGNALS.SIGINT,
  SIGNALS.SIGTERM,
  SIGNALS.SIGHUP,
  SIGNALS.SIGQUIT,
];

/**
 * Signals sent to gocontainer from now on wait to be read, so that none is lost while the container
 * is being made. To be called before the first process is made, which sets its own mask.
 */
export function holdSignals(): Fd {
  blockSignals(HELD);
  return new Fd(signalfd(HELD));
}

/**
 * Those that a terminal sends to all of a job, or sudo in its stead: a shell that waits for a program does nothing
 * about them itself, and goes by how the program ends.
 */
const TYPED: readonly number[] = [SIGNALS.SIGINT, SIGNALS.SIGQUIT];

/** The container's first process, as the monitor needs it. */
export interface Followed {
  readonly pid: number;
  readonly pidfd: number;
}

/** What belongs to a container that is followed. */
export interface FollowOptions {
  /** The way to its terminal, where it has one. */
  readonly relay?: TerminalRelay;
  /** What stands still while gocontainer is stopped. */
  readonly job?: Freezable;
  /** Who hears of changes that its network has to be kept through. */
  readonly rules?: RuleWatch;
}

/**
 * Follows a running container to its end: one poll(2) loop that hands on signals and, with a
 * terminal, input and output, and has its network kept. All output there is has been written when it
 * returns, unless a signal ended the wait for who reads it.
 *
 * @param signals what {@link holdSignals} gave.
 */
export async function follow(
  process: Followed,
  signals: Fd,
  { relay, job, rules }: FollowOptions = {},
): Promise<ExitStatus> {
  const onSignal: PollFd = { fd: signals.number, events: POLLIN, revents: 0 };
  const onEnd: PollFd = { fd: process.pidfd, events: POLLIN, revents: 0 };
  relay?.begin();
  rules?.begin();
  let killedFor: number | undefined;
  let ending: number | undefined;
  const deliver = (signal: number) => {
    if (ENDING.includes(signal)) ending = signal;
    if (signal === SIGNALS.SIGTSTP) return pause(relay, job);
    // Whoever has the terminal while this process is stopped leaves it as he likes.
    if (signal === SIGNALS.SIGCONT) relay?.resume();
    if (signal === SIGNALS.SIGWINCH && relay) relay.resize();
    else if (sendSignal(process, signal) === "killed") killedFor ??= signal;
  };
  for (;;) {
    const fds = [onSignal, onEnd, ...rules?.wanted() ?? [], ...relay?.wanted() ?? []];
    poll(fds, sooner(rules?.timeout(), relay?.timeout()));
    if (onSignal.revents) readSignals(signals).forEach(deliver);
    const typed = relay?.move(fds);
    // The pty has sent it already; what is left to do is what the kernel does not do for an init.
    if (typed !== undefined && relay?.isInFront(process.pid)) {
      if (defaultActionOf(process.pid, typed) === "end") deliver(typed);
    }
    if (onEnd.revents) break;
    if (rules?.isDue()) await rules.act();
  }
  const status = waitid(process.pid)!;
  const given = relay && drain(relay, signals, ending);
  if (given !== undefined) return { signal: given };
  // What was killed in a signal's stead ended by that signal.
  return killedFor !== undefined && "signal" in status ? { signal: killedFor } : status;
}

/** The less of two times to wait, where undefined is for ever. */
function sooner(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

/**
 * Hands on the output that is still on the way. A signal ends the wait for a reader who stands still; one
 * that came before leaves him some time for each piece.
 *
 * @returns the signal for which output was given up.
 */
function drain(relay: TerminalRelay, signals: Fd, ending?: number): number | undefined {
  const GRACE = 1000;
  const onSignal: PollFd = { fd: signals.number, events: POLLIN, revents: 0 };
  relay.end();
  for (let fds = relay.remaining(); fds.length > 0; fds = relay.remaining()) {
    const ready = poll([onSignal, ...fds], ending === undefined ? undefined : GRACE);
    if (ready === 0 && ending !== undefined) return ending;
    const received = onSignal.revents === 0 ? [] : readSignals(signals);
    if (received.includes(SIGNALS.SIGTSTP)) pause(relay);
    if (received.includes(SIGNALS.SIGCONT)) relay.resume();
    const given = received.find((signal) => ENDING.includes(signal));
    if (given !== undefined) return given;
    relay.move(fds);
  }
  return undefined;
}

/** Stops this process with its job; the terminal is the shell's meanwhile. */
function pause(relay?: TerminalRelay, job?: Freezable): void {
  relay?.leave();
  stop(job);
  relay?.resume();
}

function readSignals(signals: Fd): number[] {
  const bytes = read(signals.number, alloc(signalfd_siginfo.size * 8));
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; at += signalfd_siginfo.size) {
    // A write of its own to a pipe that nobody reads (SIGPIPE) is no word to the program.
    if (signalfd_siginfo.get(bytes, "ssi_pid", at) === Deno.pid) continue;
    numbers.push(signalfd_siginfo.get(bytes, "ssi_signo", at));
  }
  return numbers;
}

/**
 * Hands a signal on. The kernel drops a signal for the first process of a pid namespace that has
 * not asked for it (pid_namespaces(7)), so that Ctrl-C on a plain `sleep` would do nothing: where the
 * signal's default is to end the process, it is ended.
 */
function sendSignal(process: Followed, signal: number): "sent" | "killed" {
  const isEnd = defaultActionOf(process.pid, signal) === "end";
  try {
    // It leads its session, so the group is its own.
    if (TYPED.includes(signal)) kill(-process.pid, signal);
    else if (!isEnd) pidfd_send_signal(process.pidfd, signal);
    if (isEnd) pidfd_send_signal(process.pidfd, SIGNALS.SIGKILL);
  } catch (error) {
    // It has just ended by itself.
    if (!(error instanceof SysError && error.code === "ESRCH")) throw error;
    return "sent";
  }
  return isEnd ? "killed" : "sent";
}
