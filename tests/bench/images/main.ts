/** `deno task bench images [WORD...]`: pulls images and extracts them, beside other programs. */

import { BINARY } from "../../../tools/project.ts";
import { say, ToolError } from "../../../tools/report.ts";
import { DockerRegistry } from "../../integration/registry/docker_registry.ts";
import { interruption, pause } from "../interruption.ts";
import { load, thisMachine } from "../machine.ts";
import { type Measurement, Stopwatch } from "../spawn.ts";
import { summarize } from "../statistics.ts";
import { formatTable } from "../table.ts";
import { Workspace } from "../workspace.ts";
import { pathOf, type Puller, pullers, pullOnce } from "./pullers.ts";
import { makeSample, type Sample, SAMPLES, tagOf } from "./sample.ts";

/** How often each of them pulls an image; the best counts, as others may be at work. A short time says less. */
function roundsFor({ files, size }: Sample): number {
  return files * size < 10_000_000 ? 8 : 2;
}

/**
 * Pulls every image in turn with every program, each time into a new folder. Nothing is removed before
 * the end: ext4 is slow to make files where many were removed just now.
 *
 * @param words parts of images' names; only those that contain one of them are pulled
 */
export async function benchImages(words: readonly string[]): Promise<void> {
  const binary = Deno.env.get("GOCONTAINER_BIN") ?? BINARY;
  if (pathOf("docker-registry") === undefined || pathOf("skopeo") === undefined) {
    throw new ToolError("run the benchmark of images: it takes docker-registry and skopeo");
  }
  const field = pullers(binary).filter(({ name, programs }) => {
    const missing = programs.filter((program) => pathOf(program) === undefined);
    if (missing.length > 0) say(`${name} is left out: ${missing.join(", ")} is missing`);
    return missing.length === 0;
  });
  const samples = SAMPLES.filter(({ name }) =>
    words.length === 0 || words.some((word) => name.includes(word))
  );
  const signal = interruption();
  using workspace = new Workspace();
  using stopwatch = new Stopwatch(`${workspace.path}/stderr`);
  const premises = { workspace, stopwatch, signal };
  await using registry = await DockerRegistry.start();
  const machine = thisMachine();
  console.log(
    `best of 2, of 8 below 10 MB, on ${machine.processors} processors, Linux ${machine.kernel} ` +
      `${machine.arch}, load ${load().toFixed(1)} before; seconds of time (of processors)\n`,
  );
  const rows: string[][] = [];
  for (const sample of samples) {
    const reference = await publish(sample, workspace, registry);
    rows.push([sample.name, ...await run(field, sample, reference, premises)]);
    say(rows.at(-1)!.join("  "));
  }
  const columns = ["image", ...field.map(({ name }) => name)].map((heading, i) =>
    ({ heading, align: i === 0 ? "left" : "right" }) as const
  );
  console.log(`\n${formatTable(columns, rows)}`);
}

async function publish(
  sample: Sample,
  workspace: Workspace,
  registry: DockerRegistry,
): Promise<string> {
  const images = `${workspace.path}/images`;
  await makeSample(images, sample);
  const reference = `${registry.host}/bench/image:${tagOf(sample)}`;
  const { success, stderr } = new Deno.Command("skopeo", {
    args: [
      "--insecure-policy",
      "copy",
      "-q",
      "--dest-tls-verify=false",
      `oci:${images}/.store:docker.io/bench/image:${tagOf(sample)}`,
      `docker://${reference}`,
    ],
  }).outputSync();
  if (success) return reference;
  throw new ToolError(`push ${reference}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Where and with what images are pulled, and how long. */
interface Premises {
  readonly workspace: Workspace;
  readonly stopwatch: Stopwatch;
  readonly signal: AbortSignal;
}

async function run(
  field: readonly Puller[],
  sample: Sample,
  reference: string,
  { workspace, stopwatch, signal }: Premises,
): Promise<string[]> {
  const results = field.map((): Measurement[] => []);
  for (let round = 0; round < roundsFor(sample); round++) {
    for (const [i, puller] of field.entries()) {
      if (puller.fits?.(sample) === false) continue;
      await pause(0, signal);
      const folder = workspace.folder(crypto.randomUUID());
      results[i]!.push(pullOnce(puller, reference, folder, stopwatch));
    }
  }
  return results.map((all) => {
    if (all.length === 0) return "-";
    const best = (part: "wall" | "cpu") =>
      (summarize(all.map((one) => one[part])).min / 1000).toFixed(2);
    return `${best("wall")} (${best("cpu")})`;
  });
}
