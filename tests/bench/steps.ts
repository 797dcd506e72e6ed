import { criticalPath } from "./critical_path.ts";
import { median } from "./statistics.ts";
import type { TimedStep } from "./timeline.ts";

/** A step over several runs: medians of its start and its duration. */
export interface StepSummary extends TimedStep {
  /** Whether in most runs the end had to wait for it. */
  readonly critical: boolean;
}

/**
 * Brings the same steps of several runs together, in the order of their start. A label that comes
 * up more than once in a process counts anew each time; what not all runs have done is left out.
 */
export function summarizeSteps(runs: readonly (readonly TimedStep[])[]): StepSummary[] {
  const paths = runs.map(criticalPath);
  const groups = new Map<string, { steps: TimedStep[]; critical: number }>();
  runs.forEach((run, i) => {
    const seen = new Map<string, number>();
    for (const step of run) {
      const name = `${step.process} ${step.label}`;
      const times = seen.get(name) ?? 0;
      seen.set(name, times + 1);
      const key = `${name} ${times}`;
      const group = groups.get(key) ?? { steps: [], critical: 0 };
      groups.set(key, group);
      group.steps.push(step);
      if (paths[i].has(step)) group.critical++;
    }
  });
  return [...groups.values()]
    .filter(({ steps }) => steps.length === runs.length)
    .map(({ steps, critical }) => ({
      ...steps[0],
      start: median(steps.map(({ start }) => start)),
      duration: median(steps.map(({ duration }) => duration)),
      critical: critical * 2 > runs.length,
    }))
    .sort((a, b) => a.start - b.start);
}
