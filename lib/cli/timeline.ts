import { ContainerError, reasonOf } from "../errors.ts";
import type { Step } from "../init/plan.ts";
import { type StepInfo, warn } from "../trace.ts";
import type { Watcher } from "./watchers.ts";

/** A complete event of the Trace Event Format; times are microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Record<string, string>;
}

const OUTSIDE = 1;
const INSIDE = 2;

/**
 * Writes what was done on the host and inside of the container's namespaces, and when, as a Trace Event JSON file,
 * which the trace viewers of browsers (ui.perfetto.dev, chrome://tracing) show as a timeline.
 */
export class Timeline implements Watcher {
  readonly #events: TraceEvent[] = [
    processName(OUTSIDE, "gocontainer"),
    processName(INSIDE, "inside of the container's namespaces"),
  ];
  readonly #path: string;
  readonly #file: Deno.FsFile;

  /** Opens the file at once: a path that cannot be written is told before anything is made. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    } catch (cause) {
      throw new ContainerError(`write the timeline ${JSON.stringify(path)}: ${reasonOf(cause)}`, {
        hint: "Give a file in a folder that is there",
        cause,
      });
    }
  }

  end(step: StepInfo, start: number, end: number): void {
    this.#add(OUTSIDE, step.label, start, end, step.call ? { call: step.call } : undefined);
  }

  done(step: Step, start: number, end: number): void {
    this.#add(INSIDE, step.label, start, end);
  }

  /** Writes all of it. That this cannot be done, as on a full disk, does not change how the container ended. */
  close(): void {
    const text = JSON.stringify({ traceEvents: this.#events, displayTimeUnit: "ms" });
    const bytes = new TextEncoder().encode(text + "\n");
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      warn(`write the timeline ${JSON.stringify(this.#path)}: ${reasonOf(error)}`);
    } finally {
      this.#file.close();
    }
  }

  #add(pid: number, name: string, start: number, end: number, args?: Record<string, string>): void {
    this.#events.push({
      name,
      ph: "X",
      pid,
      tid: pid,
      ts: Math.round(start * 1000),
      dur: Math.round((end - start) * 1000),
      args,
    });
  }
}

function processName(pid: number, name: string): TraceEvent {
  return { name: "process_name", ph: "M", pid, tid: pid, args: { name } };
}
