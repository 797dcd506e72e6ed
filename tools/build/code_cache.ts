/** V8's compiled form of the program, carried in the binary. */

import { ROOT } from "../project.ts";
import { say, ToolError } from "../report.ts";
import type { Compiler } from "./compiler.ts";
import { baseLength } from "./embed.ts";
import { findIp } from "./iproute.ts";
import { type CachedScript, loaderOfIncluded, loaderOfSpliced, piecesOf } from "./loader.ts";
import { compile } from "./mod.ts";
import { asScripts, type BundledModule, closure, ENTRY, FIRST, type Scripts } from "./scripts.ts";
import type { Target } from "./target.ts";

/**
 * V8's flags for the product. One thread at start makes `fork` safe and lets a user namespace be
 * entered; compilers would work on that one thread, before and after the fork, for code that is done
 * before they are: so Maglev is off, Sparkplug waits for a large batch, and TurboFan, which makes the
 * unpacking of an image fast, for ten times as many calls as usual. What a function has met is written down from
 * its 1000th call on, which a run has of none. A young generation of 4 MiB is never collected in a run, least of all
 * in the forked child.
 */
export const V8_FLAGS: readonly string[] = [
  "--single-threaded",
  "--no-maglev",
  "--baseline-batch-compilation-threshold=1000000",
  "--invocation-count-for-turbofan=30000",
  "--invocation-count-for-feedback-allocation=1000",
  "--min-semi-space-size=4",
];

/** A main module, what belongs to it, and V8's flags for both. */
export interface CachedProgram {
  readonly main: string;
  /** Paths of files to embed. */
  readonly includes: readonly string[];
  /** What has to follow Deno's own base in the program, as it stands. */
  readonly spliced: readonly Uint8Array[];
}

/**
 * Turns a bundle into a program that begins with what V8 compiled at build time, which more than
 * halves the time that gocontainer takes beyond Deno's own start. V8 takes longer for more of it: so it has
 * the functions that are called in rehearsals (rehearsal/scenes.ts), and no others; and there are several
 * scripts, each loaded when it is asked for. They lie in the binary itself, where it can be in front of the
 * section that Deno reads whole, and copies, at every start. A compiled form that V8 does not accept is made
 * anew at start, so nothing depends on it.
 *
 * @param bundle the folder of the bundled modules.
 * @param folder where to put what is made.
 * @throws ToolError when it cannot be made.
 */
export async function withCodeCache(
  bundle: string,
  compiler: Compiler,
  target: Target,
  folder: string,
): Promise<CachedProgram> {
  const program = `${folder}/program`;
  Deno.mkdirSync(program);
  const names: string[] = [];
  for (const [name, text] of Object.entries(asScripts(scriptsOf(bundle)))) {
    Deno.writeTextFileSync(`${program}/${name}.js`, text);
    names.push(name);
  }
  const maker = `${folder}/maker`;
  const flags = ["--no-config", "--no-lock"];
  await compile({ main: MAKER, compiler, flags }, target, maker);
  await makeCaches(
    maker,
    `${folder}/stage`,
    names.map((name) => `${program}/${name}`),
  );

  const cached: CachedScript[] = [];
  const includes: string[] = [];
  for (const name of names) {
    const source = `${program}/${name}.js`;
    const cache = `${program}/${name}.cache`;
    cached.push({ name, cache: Deno.readFileSync(cache), source: Deno.readFileSync(source) });
    includes.push(source, cache);
  }
  const main = `${program}/main.js`;
  const base = baseLength(Deno.readFileSync(maker));
  if (base === undefined) {
    Deno.writeTextFileSync(main, loaderOfIncluded());
    return { main, includes, spliced: [] };
  }
  Deno.writeTextFileSync(main, loaderOfSpliced(cached, base));
  return { main, includes: [], spliced: piecesOf(cached) };
}

/**
 * The scripts that a bundle is made into, each loaded when a module of it is asked for: `common` has what both need,
 * `run` and the commands of the runtime's face; `run` and `runtime` what only one of them needs besides; `cold` all
 * the rest.
 *
 * @param bundle the folder of the bundled modules.
 * @throws ToolError for what a script cannot have.
 */
export function scriptsOf(bundle: string): Scripts {
  const modules = readModules(bundle);
  const names = modules.map(({ name }) => name);
  const run = closure(modules, [ENTRY, ...names.filter(isRun)]);
  const runtime = closure(modules, [ENTRY, ...names.filter(isRuntime)]);
  const those = (forRun: boolean, forRuntime: boolean) =>
    modules.filter(({ name }) => run.has(name) === forRun && runtime.has(name) === forRuntime);
  return {
    [FIRST]: those(true, true),
    run: those(true, false),
    runtime: those(false, true),
    cold: those(false, false),
  };
}

function readModules(folder: string): BundledModule[] {
  return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".js"))
    .map(({ name }) => ({ name, text: Deno.readTextFileSync(`${folder}/${name}`) }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The module of lib/cli/run.ts, which the bundler names after it, with a hash for each time. */
function isRun(name: string): boolean {
  return /^run(?:-[A-Z0-9]+)+\.js$/.test(name);
}

/** That of lib/cli/oci/mod.ts. */
function isRuntime(name: string): boolean {
  return /^mod(?:-[A-Z0-9]+)+\.js$/.test(name);
}

/** V8 takes a compiled form only from a program of the same Deno with the same flags: so a program makes it. */
const MAKER = `${ROOT}/tools/build/rehearsal/maker.ts`;

async function makeCaches(maker: string, stage: string, scripts: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(maker, {
    args: [stage, ...scripts.map((script) => `${script}.js`)],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    const told = decoder.decode(stderr).trimEnd();
    throw new ToolError(`compile the program ahead of time: it ended with an error\n${told}`);
  }
  const failures = decoder.decode(stdout).trimEnd();
  if (failures !== "") {
    say(`warning: the program starts slower than it could, ${whySlow(failures, findIp())}`);
  }
}

/**
 * What to tell of rehearsals that failed.
 *
 * @param ip the path of `ip`, which most of them take.
 */
export function whySlow(failures: string, ip: string | undefined): string {
  return ip === undefined
    ? "because its start is not rehearsed without `ip`: build it anew once that is there"
    : `because rehearsals failed\n${failures}`;
}
