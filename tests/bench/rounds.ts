import { reasonOf, ToolError } from "../../tools/report.ts";
import type { Contender } from "./contender.ts";
import { pause } from "./interruption.ts";
import type { Measurement, Prepared, Stopwatch } from "./spawn.ts";

/** How the rounds are run. */
export interface RoundOptions {
  readonly rounds: number;
  /** Milliseconds to pause before each run. */
  readonly idle: number;
  /** Ends the rounds early, as an error. */
  readonly signal: AbortSignal;
  /** Called after each round with its number, from 1 on. */
  progress?(round: number): void;
}

/** What a contender took, by round; undefined where it sat the round out. */
export interface Result {
  readonly contender: Contender;
  readonly runs: readonly (Measurement | undefined)[];
}

/**
 * The order of a round. It starts one further in each round and goes backwards in every other one,
 * so that over the rounds nobody is always first, last, or behind the same one.
 */
export function orderOfRound<T>(items: readonly T[], round: number): T[] {
  const shift = items.length === 0 ? 0 : (round >> 1) % items.length;
  const rotated = [...items.slice(shift), ...items.slice(0, shift)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

/** Whether a contender that runs in every n-th round runs in this one. */
export function takesPart(every: number, round: number): boolean {
  return round % every === 0;
}

/**
 * Lets every contender run once in each round.
 *
 * @throws {ToolError} when one fails, or when told to stop
 */
export async function runRounds(
  contenders: readonly Contender[],
  stopwatch: Stopwatch,
  options: RoundOptions,
): Promise<Result[]> {
  const tracks = contenders.map((contender): Track => ({
    contender,
    program: stopwatch.prepare(contender.command),
    runs: new Array(options.rounds).fill(undefined),
  }));
  for (let round = 0; round < options.rounds; round++) {
    for (const track of orderOfRound(tracks, round)) {
      if (!takesPart(track.contender.every, round)) continue;
      await pause(options.idle, options.signal);
      track.runs[round] = runOnce(track, round);
    }
    options.progress?.(round + 1);
  }
  return tracks;
}

interface Track {
  readonly contender: Contender;
  readonly program: Prepared;
  readonly runs: (Measurement | undefined)[];
}

function runOnce({ contender, program }: Track, round: number): Measurement {
  try {
    return program.run();
  } catch (cause) {
    const message = `run "${contender.title}" in round ${round + 1}: ${reasonOf(cause)}`;
    throw new ToolError(message, { cause });
  }
}
