import { ENVIRONMENT } from "./contender.ts";
import { type Gocontainer, runTrue } from "./contenders/gocontainer.ts";
import type { Stopwatch } from "./spawn.ts";
import { parseTimeline, type TimedStep } from "./timeline.ts";

/** One run of gocontainer whose steps were timed. */
export interface TracedRun {
  /** Milliseconds from its start to its end. */
  readonly wall: number;
  readonly steps: readonly TimedStep[];
}

/**
 * Runs gocontainer with `-trace` a number of times.
 *
 * @param file where gocontainer shall write its timeline
 * @throws {ToolError} when it does not succeed
 */
export function traceRuns(
  subject: Gocontainer,
  times: number,
  file: string,
  stopwatch: Stopwatch,
): TracedRun[] {
  const program = stopwatch.prepare({
    argv: runTrue(subject, "-trace", file),
    env: ENVIRONMENT,
  });
  return Array.from({ length: times }, () => {
    const { wall } = program.run();
    return { wall, steps: parseTimeline(Deno.readTextFileSync(file)) };
  });
}
