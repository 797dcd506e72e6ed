import type { Result } from "./rounds.ts";
import { pairedMedian, type Series, summarize, type Summary, valuesOf } from "./statistics.ts";
import { formatTable } from "./table.ts";

/** One contender's numbers, in milliseconds. */
export interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly includes: string;
  readonly role: Result["contender"]["role"];
  readonly runs: number;
  readonly wall: Summary;
  /** The median of the processor time. */
  readonly cpu: number;
  /** How many times gocontainer's time it took, round by round; undefined without gocontainer. */
  readonly ratio?: number;
  /** How much longer gocontainer took, round by round. */
  readonly behind?: number;
}

/** Compares everybody with gocontainer, the fastest first. */
export function compare(results: readonly Result[]): Comparison[] {
  const reference = results.find(({ contender }) => contender.name === "gocontainer");
  const own = reference === undefined ? [] : wallOf(reference);
  return results.map((result) => {
    const { name, title, includes, role } = result.contender;
    const wall = wallOf(result);
    const cpu = result.runs.flatMap((run) => run === undefined ? [] : [run.cpu]);
    return {
      name,
      title,
      includes,
      role,
      runs: cpu.length,
      wall: summarize(valuesOf(wall)),
      cpu: summarize(cpu).median,
      ratio: pairedMedian(wall, own, (its, ours) => its / ours),
      behind: pairedMedian(wall, own, (its, ours) => ours - its),
    };
  }).sort((a, b) => a.wall.median - b.wall.median);
}

function wallOf(result: Result): Series {
  return result.runs.map((run) => run?.wall);
}

/** The comparison as a table, and what it says about the two goals. */
export function describeComparison(comparisons: readonly Comparison[]): string {
  const table = formatTable(
    [
      { heading: "/bin/true in", align: "left" },
      { heading: "median", align: "right" },
      { heading: "min", align: "right" },
      { heading: "max", align: "right" },
      { heading: "cpu", align: "right" },
      { heading: "ratio", align: "right" },
      { heading: "runs", align: "right" },
      { heading: "with", align: "left" },
    ],
    comparisons.map((one) => [
      one.title,
      one.wall.median.toFixed(1),
      one.wall.min.toFixed(1),
      one.wall.max.toFixed(1),
      one.cpu.toFixed(1),
      one.ratio === undefined ? "" : one.ratio.toFixed(2),
      String(one.runs),
      one.includes,
    ]),
  );
  return [
    table,
    "",
    "Wall and processor time in milliseconds; ratio: its time by gocontainer's, median over the rounds.",
    ...comparisons.filter(({ role }) => role === "floor").flatMap((floor) => {
      const ours = comparisons.find(({ name }) => name === "gocontainer");
      if (ours === undefined || floor.behind === undefined) return [];
      const least = ours.wall.min - floor.wall.min;
      return [
        `gocontainer takes ${floor.behind.toFixed(1)} ms more than ${floor.title} ` +
        `(median over the rounds; ${least.toFixed(1)} ms between the two minima).`,
      ];
    }),
  ].join("\n");
}
