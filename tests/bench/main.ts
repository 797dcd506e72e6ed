/** `deno task bench [OPTIONS]` or `deno task bench images`: compares gocontainer with other programs of its kind. */

import { imageArchive } from "../../tools/build/images.ts";
import { BINARY, exists } from "../../tools/project.ts";
import { runTool, say, ToolError } from "../../tools/report.ts";
import { drawChart } from "./chart.ts";
import { compare, describeComparison } from "./comparison.ts";
import { gather } from "./contenders.ts";
import { interruption } from "./interruption.ts";
import { load, thisMachine } from "./machine.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { runRounds } from "./rounds.ts";
import { Stopwatch } from "./spawn.ts";
import { describeSteps } from "./step_report.ts";
import { traceRuns } from "./tracing.ts";
import { contendersFor, DEEDS, gatherRuntimes } from "./runtime_face.ts";
import { keep, RESULTS, Workspace } from "./workspace.ts";

/** Rounds that are not counted: caches fill in them. */
const WARM_UP_ROUNDS = 3;

/** Runs whose steps are timed. Timing adds a little to each step, so they are not compared. */
const TRACED_RUNS = 15;

async function bench(options: BenchOptions): Promise<void> {
  const binary = Deno.env.get("GOCONTAINER_BIN") ?? BINARY;
  checkBefore(binary);
  const { rounds, idle, only } = options;
  const signal = interruption();
  using undo = new DisposableStack();
  const workspace = undo.use(new Workspace());
  const stopwatch = undo.use(new Stopwatch(`${workspace.path}/stderr`));
  const field = await gather(binary, only, { workspace, stopwatch, undo });
  field.absent.forEach(say);

  const machine = thisMachine();
  const conditions = `${rounds} paired rounds on ${machine.processors} processors, ` +
    `Linux ${machine.kernel} ${machine.arch}` + (idle > 0 ? `, after ${idle} ms of rest each` : "");
  const before = load();
  await runRounds(field.contenders, stopwatch, { rounds: WARM_UP_ROUNDS, idle: 0, signal });
  const results = await runRounds(field.contenders, stopwatch, { rounds, idle, signal });
  const comparisons = compare(results);
  console.log(`${conditions}, load ${before.toFixed(1)} before\n`);
  console.log(describeComparison(comparisons));

  const followed = field.contenders.some(({ name }) => name === "gocontainer");
  const traced = followed
    ? traceRuns(field.subject, TRACED_RUNS, `${workspace.path}/trace.json`, stopwatch)
    : [];
  if (followed) console.log(`\n${describeSteps(traced)}`);

  if (only.length === 0) {
    const archive = await imageArchive(Deno.build.arch);
    const running = field.contenders.map(({ name }) => name);
    const runtimes = gatherRuntimes(
      field.subject.binary,
      archive.path,
      running,
      workspace,
      undo,
    );
    const floor = field.contenders.filter(({ role }) => role === "floor");
    for (const deed of DEEDS) {
      const contenders = [...contendersFor(deed, runtimes), ...floor];
      await runRounds(contenders, stopwatch, { rounds: WARM_UP_ROUNDS, idle: 0, signal });
      const compared = compare(await runRounds(contenders, stopwatch, { rounds, idle, signal }));
      console.log(`\nAs an OCI runtime, ${deed}:\n\n${describeComparison(compared)}`);
    }
  }

  const svg = options.svg ?? `${RESULTS}/chart.svg`;
  keep(svg, drawChart(comparisons, conditions));
  say(`\nThe chart is in "${svg}"`);
  if (options.json !== undefined) {
    const all = { machine, rounds, idle, load: before, comparisons, results, traced };
    keep(options.json, `${JSON.stringify(all, null, 1)}\n`);
    say(`All numbers are in "${options.json}"`);
  }
}

function checkBefore(binary: string): void {
  if (Deno.uid() !== 0) {
    throw new ToolError("run the benchmark: only root may make containers", {
      hint: "Run it by `deno task bench`",
    });
  }
  if (!exists(binary)) {
    throw new ToolError(`run the benchmark: there is no "${binary}"`, {
      hint: "Build it by `deno task build`",
    });
  }
}

await runTool(async () => {
  const [part, ...words] = Deno.args;
  if (part === "images") {
    const { benchImages } = await import("./images/main.ts");
    await benchImages(words);
    return 0;
  }
  const options = readOptions(Deno.args);
  if (options.help) console.log(USAGE);
  else await bench(options);
  return 0;
});
