/** V8's compiled form of the program, carried in the binary. */

import { ToolError } from "../report.ts";
import type { Compiler } from "./compiler.ts";
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

/** A main module, what is embedded beside it, and V8's flags for both. */
export interface CachedProgram {
  readonly main: string;
  readonly includes: readonly string[];
  readonly v8Flags: readonly string[];
}

/**
 * Turns a bundle into a program that begins with what V8 compiled at build time, which halves the
 * time that gocontainer takes beyond Deno's own start. What every `run` needs is one script, all the
 * rest another one, loaded when it is asked for: V8 takes longer for a larger one. The compiled form
 * lies in the binary itself; one that V8 does not accept is compiled anew at start, so nothing
 * depends on it.
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

  const includes: string[] = [];
  for (const [name, members] of Object.entries(scripts)) {
    const source = `${program}/${name}.js`;
    const cache = `${program}/${name}.cache`;
    Deno.writeTextFileSync(source, asScript(members));
    await makeCache(maker, source, cache);
    includes.push(source, cache);
  }
  Deno.writeTextFileSync(`${program}/main.js`, LOADER);
  return { main: `${program}/main.js`, includes, v8Flags: CACHED_FLAGS };
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

/** The program's main module: hands V8 the sources with their compiled form, and runs the entry. */
const LOADER = `import { Script } from "node:vm";
const folder = import.meta.dirname;
function read(name) {
  return new Script(Deno.readTextFileSync(folder + "/" + name + ".js"), {
    filename: "gocontainer.js",
    cachedData: Deno.readFileSync(folder + "/" + name + ".cache"),
  }).runInThisContext();
}
const hot = read("hot");
const loaded = new Map();
let cold;
function load(name) {
  if (!loaded.has(name)) {
    const run = hot[name] ?? (cold ??= read("cold"))[name];
    loaded.set(name, run(load, later));
  }
  return loaded.get(name);
}
function later(name) {
  return Promise.resolve().then(() => load(name));
}
await load("${ENTRY}");
`;
