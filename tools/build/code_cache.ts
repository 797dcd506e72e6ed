/** V8's compiled form of the program, carried in the binary. */

import { ToolError } from "../report.ts";
import type { Compiler } from "./compiler.ts";
import { baseLength } from "./embed.ts";
import { type CachedScript, loaderOfIncluded, loaderOfSpliced, piecesOf } from "./loader.ts";
import { compile } from "./mod.ts";
import { asScript, type BundledModule, closure, ENTRY } from "./scripts.ts";
import type { Target } from "./target.ts";

/**
 * V8's flags for the product. One thread at start makes `fork` safe and lets a user namespace be
 * entered; compilers would work on that one thread, before and after the fork, for code that is done
 * before they are: so Maglev is off, Sparkplug waits for a large batch, and TurboFan, which makes the
 * unpacking of an image fast, for ten times as many calls as usual; a young generation of 4 MiB is never
 * collected in a run, least of all in the forked child.
 */
export const V8_FLAGS: readonly string[] = [
  "--single-threaded",
  "--no-maglev",
  "--baseline-batch-compilation-threshold=1000000",
  "--invocation-count-for-turbofan=30000",
  "--min-semi-space-size=4",
];

/** The same for a program with its compiled form: all functions are in it, and V8 takes it only under the flags it was made with. */
const CACHED_FLAGS: readonly string[] = [...V8_FLAGS, "--no-lazy"];

/** A main module, what belongs to it, and V8's flags for both. */
export interface CachedProgram {
  readonly main: string;
  /** Paths of files to embed. */
  readonly includes: readonly string[];
  /** What has to follow Deno's own base in the program, as it stands. */
  readonly spliced: readonly Uint8Array[];
  readonly v8Flags: readonly string[];
}

/**
 * Turns a bundle into a program that begins with what V8 compiled at build time, which halves the
 * time that gocontainer takes beyond Deno's own start. What every `run` needs is one script, all the
 * rest another one, loaded when it is asked for: V8 takes longer for a larger one. Both lie in the
 * binary itself, where it can be in front of the section that Deno reads whole, and copies, at every
 * start. A compiled form that V8 does not accept is made anew at start, so nothing depends on it.
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
  const modules = readModules(bundle);
  const needed = closure(modules, [ENTRY, ...modules.map(({ name }) => name).filter(isRun)]);
  const scripts = {
    hot: modules.filter(({ name }) => needed.has(name)),
    cold: modules.filter(({ name }) => !needed.has(name)),
  };
  const maker = `${folder}/maker`;
  Deno.writeTextFileSync(`${maker}.js`, MAKER);
  const compiled = { main: `${maker}.js`, compiler, flags: ["--no-config", "--no-lock"] };
  await compile({ ...compiled, v8Flags: CACHED_FLAGS }, target, maker);

  const cached: CachedScript[] = [];
  const includes: string[] = [];
  for (const [name, members] of Object.entries(scripts)) {
    const source = `${program}/${name}.js`;
    const cache = `${program}/${name}.cache`;
    Deno.writeTextFileSync(source, asScript(members));
    await makeCache(maker, source, cache);
    cached.push({ name, cache: Deno.readFileSync(cache), source: Deno.readFileSync(source) });
    includes.push(source, cache);
  }
  const main = `${program}/main.js`;
  const v8Flags = CACHED_FLAGS;
  const base = baseLength(Deno.readFileSync(maker));
  if (base === undefined) {
    Deno.writeTextFileSync(main, loaderOfIncluded());
    return { main, includes, spliced: [], v8Flags };
  }
  Deno.writeTextFileSync(main, loaderOfSpliced(cached, base));
  return { main, includes: [], spliced: piecesOf(cached), v8Flags };
}

function readModules(folder: string): BundledModule[] {
  return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".js"))
    .map(({ name }) => ({ name, text: Deno.readTextFileSync(`${folder}/${name}`) }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The module of lib/cli/run.ts, which the bundler names after it. */
function isRun(name: string): boolean {
  return /^run-[A-Z0-9]+\.js$/.test(name);
}

async function makeCache(maker: string, source: string, cache: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(maker, { args: [source, cache] }).output();
  if (success) return;
  const told = new TextDecoder().decode(stderr).trimEnd();
  throw new ToolError(`compile "${source}" ahead of time: it ended with an error\n${told}`);
}

/** Compiles the script in its first argument and writes the result to its second. */
const MAKER = `import { Script } from "node:vm";
const [source, cache] = Deno.args;
const script = new Script(Deno.readTextFileSync(source), { filename: "gocontainer.js" });
Deno.writeFileSync(cache, script.createCachedData());
`;
