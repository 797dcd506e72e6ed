import { parseArgs } from "@std/cli/parse-args";
import { ToolError } from "../../tools/report.ts";

/** What the user asked for. */
export interface BenchOptions {
  /** How often each contender runs, warm-up not counted. */
  readonly rounds: number;
  /** Names of the contenders to run; empty: all. */
  readonly only: readonly string[];
  /** Milliseconds to pause before each run. */
  readonly idle: number;
  /** Where to write all numbers. */
  readonly json?: string;
  /** Where to write the chart, instead of the build folder. */
  readonly svg?: string;
  readonly help: boolean;
}

/** What `--help` prints. */
export const USAGE = `Usage: deno task bench [OPTIONS]
       deno task bench images [WORD...]

Compares gocontainer with the other programs of its kind on this machine, each running /bin/true. The
second form pulls images from a registry on this machine, those whose names have one of the words in them.

  --rounds N    how often each of them runs (default 60)
  --only NAME   run this one only; may be repeated
  --idle MS     pause before each run, in milliseconds (default 0)
  --json FILE   write all numbers to FILE
  --svg FILE    write the chart to FILE (default .build/bench/chart.svg)`;

const DEFAULT_ROUNDS = 60;

/**
 * Reads the command line.
 *
 * @throws {ToolError} for an unknown option or a value that is not one
 */
export function readOptions(words: readonly string[]): BenchOptions {
  const args = parseArgs([...words], {
    string: ["rounds", "only", "idle", "json", "svg"],
    collect: ["only"],
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (word) => {
      throw new ToolError(`read the arguments: "${word}" is not known`, { hint: USAGE });
    },
  });
  const { only, json, svg } = args;
  for (const [name, value] of Object.entries({ only: only[0], json, svg })) {
    if (value === "") throw new ToolError(`read "--${name}": its value is missing`);
  }
  return {
    rounds: whole("rounds", args.rounds, 1) ?? DEFAULT_ROUNDS,
    only,
    idle: whole("idle", args.idle, 0) ?? 0,
    json,
    svg,
    help: args.help,
  };
}

function whole(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]{1,6}$/.test(text) && value >= least) return value;
  throw new ToolError(`read "--${name} ${text}": not a whole number from ${least} on`);
}
