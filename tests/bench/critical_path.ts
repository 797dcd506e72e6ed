import type { TimedStep } from "./timeline.ts";

/**
 * The steps of one run that decide when it is all over: from the last one back, each time the step
 * of either process that ended last before. Where a process waits for the other, the way goes on
 * with what ended last before the waiting did.
 *
 * A step that lies within another one of its process is not on the way, the outer one is.
 */
export function criticalPath(steps: readonly TimedStep[]): Set<TimedStep> {
  const path = new Set<TimedStep>();
  const open = new Set(steps.filter((step) => !steps.some((other) => encloses(other, step))));
  let until = Infinity;
  for (;;) {
    const step = latest([...open].filter((step) => endOf(step) <= until + ROUNDING));
    if (step === undefined) return path;
    open.delete(step);
    if (isWait(step)) until = endOf(step);
    else {
      path.add(step);
      until = step.start;
    }
  }
}

/** Times are in whole microseconds; in milliseconds. */
const ROUNDING = 0.002;

/** Whether a step does nothing but wait for the other process: its label begins with "wait". */
export function isWait({ label }: TimedStep): boolean {
  return /^wait\b/i.test(label);
}

/** When a step is over, in milliseconds. */
export function endOf({ start, duration }: TimedStep): number {
  return start + duration;
}

function encloses(outer: TimedStep, inner: TimedStep): boolean {
  return outer !== inner && outer.process === inner.process && outer.duration > inner.duration &&
    outer.start <= inner.start && endOf(outer) >= endOf(inner);
}

function latest(steps: readonly TimedStep[]): TimedStep | undefined {
  return steps.reduce<TimedStep | undefined>(
    (last, step) => last === undefined || endOf(step) > endOf(last) ? step : last,
    undefined,
  );
}
