import { criticalPath, endOf, isWait } from "./critical_path.ts";
import { median } from "./statistics.ts";
import { type StepSummary, summarizeSteps } from "./steps.ts";
import { formatTable } from "./table.ts";
import type { TracedRun } from "./tracing.ts";

/** In characters. */
const BAR_WIDTH = 36;
const LABEL_WIDTH = 56;

/**
 * Where the time of a run goes, as text: each step of both processes in the order of time with its
 * median start and duration, its share of the whole run and its place in time; then the sums.
 *
 * @param runs at least one, each of at least one step
 */
export function describeSteps(runs: readonly TracedRun[]): string {
  return `${stepTable(runs)}\n\n${sumTable(runs)}`;
}

function stepTable(runs: readonly TracedRun[]): string {
  const wall = median(runs.map((run) => run.wall));
  const steps = summarizeSteps(runs.map((run) => run.steps));
  const first = Math.min(...steps.map(({ start }) => start));
  const end = Math.max(...steps.map(endOf));
  const scale = `${first.toFixed(1)}`.padEnd(BAR_WIDTH - 5) + end.toFixed(1);
  return formatTable(
    [
      { heading: "start", align: "right" },
      { heading: "ms", align: "right" },
      { heading: "share", align: "right" },
      { heading: "", align: "left" },
      { heading: "step (indented: by the container's first process)", align: "left" },
      { heading: scale, align: "left" },
    ],
    steps.map((step) => [
      step.start.toFixed(1),
      isWait(step) ? "" : step.duration.toFixed(2),
      isWait(step) ? "" : share(step.duration, wall),
      step.critical ? "*" : "",
      shorten(step.process === 1 ? step.label : `  ${step.label}`),
      bar(step, first, end),
    ]),
  );
}

/** Medians over the runs of what a run consists of. */
function sumTable(runs: readonly TracedRun[]): string {
  const parts = runs.map(({ wall, steps }) => {
    const first = Math.min(...steps.map(({ start }) => start));
    const end = Math.max(...steps.map(endOf));
    const critical = [...criticalPath(steps)].reduce((sum, { duration }) => sum + duration, 0);
    return { wall, first, end, critical };
  });
  const wall = median(parts.map((part) => part.wall));
  const row = (what: string, of: (part: typeof parts[number]) => number) => {
    const ms = median(parts.map(of));
    return [ms.toFixed(1), share(ms, wall), what];
  };
  return formatTable(
    [
      { heading: "ms", align: "right" },
      { heading: "share", align: "right" },
      { heading: "", align: "left" },
    ],
    [
      row(
        "before the first step: modules are loaded, the command line is read",
        ({ first }) => first,
      ),
      row("in the steps marked *, which the end waits for", ({ critical }) => critical),
      row(
        "between these steps, the program's own run among it",
        ({ first, end, critical }) => end - first - critical,
      ),
      row("outside of the steps' clock: Deno starts, the process ends", (
        { wall, end },
      ) => wall - end),
      row("a whole run with its steps timed", (part) => part.wall),
    ],
  );
}

function share(ms: number, whole: number): string {
  return `${Math.round(ms / whole * 100)} %`;
}

function shorten(label: string): string {
  const letters = [...label];
  return letters.length <= LABEL_WIDTH ? label : `${letters.slice(0, LABEL_WIDTH - 1).join("")}…`;
}

/** A step's place between the first start and the last end; at least one mark wide. */
function bar(step: StepSummary, first: number, end: number): string {
  const place = (ms: number) => Math.round((ms - first) / (end - first) * BAR_WIDTH);
  const from = Math.min(place(step.start), BAR_WIDTH - 1);
  const width = Math.max(1, place(endOf(step)) - from);
  return " ".repeat(from) + (isWait(step) ? "·" : step.critical ? "█" : "▒").repeat(width);
}
