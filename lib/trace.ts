import { isProcessed } from "../ffi/tty.ts";
import { oneLine } from "./errors.ts";
import { visible } from "./quote.ts";

const STDERR = 2;

/** A step as it is told to the user: what is done, the call behind it and how to check it by hand. */
export interface StepInfo {
  /** What is done, in words, e.g. `make the cgroup go_containers/4f… under memory`. */
  readonly label: string;
  /** The system call or command behind it, e.g. `mkdir("/sys/fs/cgroup/memory/go_containers/4f…")`. */
  readonly call?: string;
  /**
   * A line for the host's shell by which the reader can see the result, e.g. `cat /proc/<pid>/cgroup`. It succeeds
   * while the container runs, unless a comment at its end says that something is gone.
   */
  readonly check?: string;
}

/** Who follows the steps: the teller of `-explain`, the timeline of `-trace`, the faults of the tests. */
export interface StepObserver {
  /** Called before a step; what it throws stands for the step's own failure. */
  begin?(step: StepInfo): void;
  /** Called after a step that went well. `start` and `end` are milliseconds of `performance.now()`. */
  end?(step: StepInfo, start: number, end: number): void;
}

const observers: StepObserver[] = [];

/** Lets `observer` follow every step from now on. */
export function observe(observer: StepObserver): void {
  observers.push(observer);
}

/** Whether anybody follows: callers may spare the making of long texts when nobody does. */
export function isObserved(): boolean {
  return observers.length > 0;
}

/** Does one step of the parent's side. Costs nothing when nobody follows. */
export function step<T>(info: StepInfo | (() => StepInfo), action: () => T): T {
  if (observers.length === 0) return action();
  const end = beginStep(typeof info === "function" ? info() : info);
  const result = action();
  end();
  return result;
}

/** Begins a step that goes on while others are done; what it returns is to be called when it has gone well. */
export function beginStep(told: StepInfo): () => void {
  if (observers.length === 0) return () => {};
  for (const observer of observers) observer.begin?.(told);
  const start = performance.now();
  return () => {
    const end = performance.now();
    for (const observer of observers) observer.end?.(told, start, end);
  };
}

/**
 * Prints on stderr; on a terminal nothing in it but line ends acts on that, whoever the words are of.
 * That nobody reads there any more (EPIPE, EIO) changes nothing.
 */
export function tell(text: string): void {
  below?.clear();
  try {
    console.error(Deno.stderr.isTerminal() ? onTerminal(text) : text);
  } catch {
    // There is nobody left to tell.
  }
  below?.draw();
}

/** What moves at the bottom of a terminal, below all that is told. */
export interface Moving {
  /** Takes it away; what is drawn next stands where it began. */
  clear(): void;
  draw(): void;
}

let below: Moving | undefined;

/** Keeps something below whatever is told from now on, and nothing any more without it. */
export function keepBelow(what?: Moving): void {
  below = what;
}

/** Draws on stderr, which is a terminal, what has it move about. That it has gone away changes nothing, as in {@link tell}. */
export function draw(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // There is nobody left to see it.
  }
}

function onTerminal(text: string): string {
  const lines = text.split("\n").map(visible);
  // A raw one, as it is while a program has it, goes to the beginning of a line only when it is told to.
  return isProcessed(STDERR) ? lines.join("\n") : `${lines.join("\r\n")}\r`;
}

/** Who is told of warnings. */
let warned = (message: string): void => tell(`gocontainer: warning: ${message}`);

/** Tells a warning, one line on stderr unless {@link sendWarnings} says else. Warnings never change what happens. */
export function warn(message: string): void {
  warned(oneLine(message));
}

/** Lets `to` have the warnings from now on, instead of stderr. */
export function sendWarnings(to: (message: string) => void): void {
  warned = to;
}
