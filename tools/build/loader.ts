/** The compiled program's main module, which hands V8 its scripts with their compiled form. */

import { ENTRY } from "./scripts.ts";

/** A script with its compiled form, which comes first, for V8 wants it aligned. */
export interface CachedScript {
  readonly name: string;
  readonly cache: Uint8Array;
  readonly source: Uint8Array;
}

/** The scripts as {@link loaderOfSpliced} finds them, one behind the other. */
export function piecesOf(scripts: readonly CachedScript[]): Uint8Array[] {
  return scripts.flatMap(({ cache, source }) => [cache, source]);
}

/**
 * A main module that reads its scripts from the program's own file.
 *
 * @param start where they begin in that file.
 */
export function loaderOfSpliced(scripts: readonly CachedScript[], start: number): string {
  const places: Record<string, { at: number; cache: number; source: number }> = {};
  let at = start;
  for (const { name, cache, source } of scripts) {
    places[name] = { at, cache: cache.length, source: source.length };
    at += cache.length + source.length;
  }
  return loader(`const places = ${JSON.stringify(places)};
function read(name) {
  const { at, cache, source } = places[name];
  const bytes = new Uint8Array(cache + source);
  using file = Deno.openSync("/proc/self/exe");
  file.seekSync(at, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const count = file.readSync(bytes.subarray(done));
    if (count === null) throw new Error("read the program's own file: it ends early");
    done += count;
  }
  return [bytes.subarray(0, cache), new TextDecoder().decode(bytes.subarray(cache))];
}`);
}

/** A main module that reads its scripts from files beside it, `NAME.cache` and `NAME.js`, which are embedded. */
export function loaderOfIncluded(): string {
  return loader(`const folder = import.meta.dirname;
function read(name) {
  return [
    Deno.readFileSync(folder + "/" + name + ".cache"),
    Deno.readTextFileSync(folder + "/" + name + ".js"),
  ];
}`);
}

function loader(read: string): string {
  return `import { Script } from "node:vm";
${read}
function run(name) {
  const [cachedData, source] = read(name);
  return new Script(source, { filename: "gocontainer.js", cachedData }).runInThisContext();
}
const scripts = [];
const waiting = ["hot", "runtime", "cold"];
function find(name) {
  for (const script of scripts) if (name in script) return script[name];
  scripts.push(run(waiting.shift()));
  return find(name);
}
const loaded = new Map();
function load(name) {
  if (!loaded.has(name)) loaded.set(name, find(name)(load, later));
  return loaded.get(name);
}
function later(name) {
  return Promise.resolve().then(() => load(name));
}
await load("${ENTRY}");
`;
}
