import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { read, write } from "../../ffi/file.ts";
import { poll, POLLERR, type PollFd, POLLHUP, POLLIN, POLLOUT } from "../../ffi/poll.ts";
import { alloc } from "../../ffi/struct.ts";
import {
  awaitFront,
  C_CC,
  getForegroundGroup,
  getTerminal,
  getWindowSize,
  isTerminal,
  makeRaw,
  sendSignals,
  setTerminal,
  setWindowSize,
  type Termios,
  termios2,
} from "../../ffi/tty.ts";
import { warn } from "../trace.ts";
import { atEndOfThisProcess } from "./end_watch.ts";

const STDIN = 0;
const STDOUT = 1;
/** As much as a pipe takes at once whenever it takes anything (PIPE_BUF), so that a write never blocks. */
const CHUNK = 4096;
const NEWLINE = 0x0a;
/**
 * Enters a line of which the end may have been written as zeros: busybox takes up to five bytes behind a zero for the rest
 * of one character, and forgets at the end of the line those that are none.
 */
const ENTER = [0x20, 0x20, 0x20, 0x20, 0x20, 0x0d];
/** Where the characters stand that take back a line and end the input (termios(3)). */
const VKILL = 3, VEOF = 4;
/** After the end of input, how soon and how seldom it is looked whether the program reads in another way, in ms. */
const FIRST_LOOK = 20, LAST_LOOK = 1000;

/**
 * The way between the user's terminal and the container's pty. Neither side is read before the other
 * has taken what was read last, so memory stays bounded and a slow reader slows the writer down.
 */
export class TerminalRelay implements Disposable {
  readonly #master: number;
  /** The user's terminal as it was before, and as it is to be now; where there is one, from the beginning on. */
  #saved?: Termios;
  #wanted?: Termios;
  /** Who gives it back where this process is killed. */
  #watch?: Disposable;
  readonly #fromUser: PollFd = { fd: STDIN, events: POLLIN, revents: 0 };
  readonly #toUser: PollFd = { fd: STDOUT, events: POLLOUT, revents: 0 };
  readonly #pty: PollFd;
  #input: Uint8Array<ArrayBuffer> = alloc(0);
  #output: Uint8Array<ArrayBuffer> = alloc(0);
  #inputEnded = false;
  /** How the pty is read that the end of input was last written for: by lines or not. */
  #endedByLines?: boolean;
  /** How long to wait, in milliseconds, until that is looked at again. */
  #patience = FIRST_LOOK;
  #inLine = false;
  #lost = false;
  #outputEnded = false;

  /** @param master the pty's master side. */
  constructor(master: number) {
    this.#master = master;
    this.#pty = { fd: master, events: 0, revents: 0 };
    this.resize();
  }

  /**
   * The program runs: from now on the user's terminal is its own, raw. In the background that waits until it is in
   * front, for up to there the terminal is as the shell has it. What was typed before is still there to be read,
   * for the settings change without a flush.
   */
  begin(): void {
    if (!isTerminal(STDIN)) return;
    try {
      awaitFront(STDIN);
      this.#saved = getTerminal(STDIN);
    } catch (error) {
      return ignoreHangup(error);
    }
    this.#input = this.#readAhead(this.#saved);
    this.#watch = givenBack(this.#saved);
    this.#set(makeRaw(this.#saved));
  }

  /** The program has ended: the characters for signals are gocontainer's again, or Ctrl-C could not end it. */
  end(): void {
    // Nobody reads any more.
    this.#endedByLines = undefined;
    if (this.#saved) this.#set(sendSignals(makeRaw(this.#saved)));
  }

  /** Leaves the terminal to others as it was, until {@link resume}. */
  leave(): void {
    if (this.#saved) setUnlessGone(this.#saved);
  }

  /** Has the terminal again, which may have another size now. */
  resume(): void {
    this.resize();
    if (this.#wanted) setUnlessGone(this.#wanted);
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    this.leave();
    this.#watch?.[Symbol.dispose]();
  }

  #set(settings: Termios): void {
    this.#wanted = settings;
    setUnlessGone(settings);
  }

  /**
   * What was typed before, as far as it is whole lines, and the character for the end of input where that was
   * typed: a raw terminal would give a zero in its place.
   */
  #readAhead(settings: Termios): Uint8Array<ArrayBuffer> {
    const bytes: number[] = [];
    if (!isByLines(settings)) return alloc(0);
    const typed: PollFd = { fd: STDIN, events: POLLIN, revents: 0 };
    while (poll([typed], 0) > 0 && typed.revents === POLLIN) {
      const line = readInput();
      if (line === undefined) break;
      bytes.push(...line);
      if (line.at(-1) !== NEWLINE) bytes.push(this.#endOfInput());
    }
    return Uint8Array.from(bytes);
  }

  /** The character for it, as the program has it. */
  #endOfInput(): number {
    return getTerminal(this.#master)[C_CC + VEOF];
  }

  /** Makes the pty as large as the user's terminal; the kernel tells the program (SIGWINCH). */
  resize(): void {
    const side = [STDIN, STDOUT].find(isTerminal);
    if (side !== undefined) setWindowSize(this.#master, getWindowSize(side));
  }

  /** Whether what is typed goes to the process group of that process. */
  isInFront(pid: number): boolean {
    return getForegroundGroup(this.#master) === pid;
  }

  /** What to wait for now. */
  wanted(): PollFd[] {
    const wanted: PollFd[] = [];
    if (this.#input.length === 0 && !this.#inputEnded) wanted.push(this.#fromUser);
    this.#pty.events = (this.#input.length > 0 ? POLLOUT : 0) |
      (this.#output.length === 0 ? POLLIN : 0);
    if (!this.#outputEnded && this.#pty.events !== 0) wanted.push(this.#pty);
    if (this.#output.length > 0) wanted.push(this.#toUser);
    return wanted;
  }

  /** How long to wait at most, in milliseconds; undefined for as long as nothing comes. */
  timeout(): number | undefined {
    return this.#endedByLines === undefined || this.#outputEnded ? undefined : this.#patience;
  }

  /**
   * Moves what is ready. Returns a signal when the user typed the character that stands for one and
   * the pty would send it.
   */
  move(ready: readonly PollFd[]): number | undefined {
    let signal: number | undefined;
    for (const entry of ready) {
      if (entry.revents === 0) continue;
      if (entry === this.#fromUser) signal = this.#readInput();
      else if (entry === this.#toUser) this.#writeOutput();
      else if (entry === this.#pty) {
        if (entry.revents & (POLLIN | POLLHUP | POLLERR)) this.#readOutput();
        if (entry.revents & POLLOUT) this.#writeInput();
      }
    }
    this.#endAgain();
    return signal;
  }

  /** What to wait for once the program has ended: output that is still on the way; nothing when there is none. */
  remaining(): PollFd[] {
    if (this.#output.length > 0) return [this.#toUser];
    this.#pty.events = POLLIN;
    return this.#outputEnded ? [] : [this.#pty];
  }

  #readInput(): number | undefined {
    const bytes = readInput();
    if (bytes === undefined) return undefined;
    if (bytes.length > 0) {
      this.#input = bytes;
      this.#inLine = bytes.at(-1) !== NEWLINE;
      return this.#typedSignal(bytes);
    }
    this.#inputEnded = true;
    this.#endInput(getTerminal(this.#master));
    return undefined;
  }

  /** The pty sends the signal by itself; but to a program that does not handle it, as init it would be lost. */
  #typedSignal(bytes: Uint8Array): number | undefined {
    const ISIG = 1, VINTR = 0, VQUIT = 1;
    const settings = getTerminal(this.#master);
    if ((termios2.get(settings, "c_lflag") & ISIG) === 0) return undefined;
    if (bytes.includes(settings[C_CC + VINTR])) return SIGNALS.SIGINT;
    if (bytes.includes(settings[C_CC + VQUIT])) return SIGNALS.SIGQUIT;
    return undefined;
  }

  #writeInput(): void {
    this.#input = this.#input.subarray(write(this.#master, this.#input));
  }

  /**
   * The end of input is the character for it: where lines are read the program reads an end of file, and within a line,
   * where it only ends what is read at once (termios(3)), after another one. Who reads single characters, as a shell
   * does at its prompt, takes it for the end at the beginning of a line: one that has begun is entered before.
   */
  #endInput(settings: Termios): void {
    const [kill, end] = [settings[C_CC + VKILL], settings[C_CC + VEOF]];
    this.#endedByLines = isByLines(settings);
    if (this.#endedByLines) {
      this.#input = Uint8Array.from(this.#inLine ? [end, end] : [end]);
    } else {
      // A character for the end that was written for lines, and not read by then, stands in the line as a zero.
      this.#input = Uint8Array.from([...this.#inLine ? ENTER : [kill], end]);
      this.#inLine = false;
    }
  }

  /** The end of input is one for good: it is written once more where the program begins to read in the other way. */
  #endAgain(): void {
    if (this.#endedByLines === undefined || this.#outputEnded) return;
    this.#patience = Math.min(2 * this.#patience, LAST_LOOK);
    const settings = getTerminal(this.#master);
    if (isByLines(settings) === this.#endedByLines) return;
    this.#patience = FIRST_LOOK;
    this.#endInput(settings);
  }

  #readOutput(): void {
    const bytes = readOrEnd(this.#master);
    if (bytes.length === 0) this.#outputEnded = true;
    else this.#output = bytes;
  }

  #writeOutput(): void {
    try {
      this.#output = this.#output.subarray(write(STDOUT, this.#output));
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.code === "EAGAIN") return;
      // The program goes on, its output goes nowhere.
      this.#output = alloc(0);
      this.#loses(error);
    }
  }

  /** Tells once that output is lost; of a reader who has gone away there is nothing to tell. */
  #loses(error: SysError): void {
    if (error.code === "EPIPE" || error.code === "EIO" || this.#lost) return;
    this.#lost = true;
    warn(`write the program's output: ${error.message}: what cannot be written is lost`);
  }
}

/**
 * Sees to it that the user's terminal is as it was when this process is killed. Undefined where there is no process to
 * be had for it, as under a limit.
 */
function givenBack(saved: Termios): Disposable | undefined {
  const raw = makeRaw(saved);
  const ours = [raw, sendSignals(raw)].map(String);
  try {
    return atEndOfThisProcess(() => {
      // A shell may have it already, and has it in a way of its own.
      if (ours.includes(String(getTerminal(STDIN)))) setTerminal(STDIN, saved);
    });
  } catch (error) {
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

/** Whether a terminal is read by lines, ICANON of termios(3). */
function isByLines(settings: Termios): boolean {
  const ICANON = 0o2;
  return (termios2.get(settings, "c_lflag") & ICANON) !== 0;
}

function setUnlessGone(settings: Termios): void {
  try {
    setTerminal(STDIN, settings);
  } catch (error) {
    ignoreHangup(error);
  }
}

/** A terminal that has gone away needs nothing any more. */
function ignoreHangup(error: unknown): void {
  if (!(error instanceof SysError && error.code === "EIO")) throw error;
}

/** Reads what there is; empty at the end, as where nothing can be read; undefined where there is nothing after all. */
function readInput(): Uint8Array<ArrayBuffer> | undefined {
  try {
    return read(STDIN, alloc(CHUNK));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return error.code === "EAGAIN" ? undefined : alloc(0);
  }
}

/** Reads what there is; empty at the end, which a pty's master tells by EIO once all slaves are closed. */
function readOrEnd(fd: number): Uint8Array<ArrayBuffer> {
  try {
    return read(fd, alloc(CHUNK));
  } catch (error) {
    if (error instanceof SysError && error.code === "EIO") return alloc(0);
    throw error;
  }
}
