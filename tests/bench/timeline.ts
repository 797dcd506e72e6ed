/** One step of a traced run; times are milliseconds on the run's own clock. */
export interface TimedStep {
  /** Its process, numbered as in the trace file: 1 the parent, 2 the container's first process. */
  readonly process: number;
  readonly label: string;
  readonly start: number;
  readonly duration: number;
}

/** What a Trace Event file holds, as far as it is read here. */
interface TraceFile {
  readonly traceEvents: readonly {
    readonly name: string;
    readonly ph: string;
    readonly pid: number;
    readonly ts?: number;
    readonly dur?: number;
  }[];
}

/**
 * The steps in a file that gocontainer's `-trace` has written (Trace Event Format, complete events,
 * microseconds), in the order of their start.
 */
export function parseTimeline(text: string): TimedStep[] {
  const { traceEvents } = JSON.parse(text) as TraceFile;
  return traceEvents
    .filter(({ ph }) => ph === "X")
    .map(({ name, pid, ts = 0, dur = 0 }) => ({
      process: pid,
      label: generalize(name),
      start: ts / 1000,
      duration: dur / 1000,
    }))
    .sort((a, b) => a.start - b.start);
}

/** A label without what differs from run to run: ids and the names made of them, process numbers. */
export function generalize(label: string): string {
  return label
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/\bveth[0-9a-f]{6,}\b/g, "VETH")
    .replace(/\/proc\/[0-9]+/g, "/proc/PID")
    .replace(/(?:\/[\w.@+-]+)+\/(containers|images)(?=\/)/g, "$1");
}
