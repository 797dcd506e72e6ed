/** The compiled program's main module, which hands V8 its scripts with their compiled form. */

import { ENTRY } from "./scripts.ts";

/** A script with its compiled form, which comes first, for V8 wants it aligned. */
export interface CachedScript {
  readonly name: string;
  /** The names of the modules that it has. */
  readonly modules: readonly string[];
  readonly cache: Uint8Array;
  readonly source: Uint8Array;
}

/** The scripts as {@link loaderOfSpliced} finds them, one behind the other, each at a multiple of eight bytes. */
export function piecesOf(scripts: readonly CachedScript[]): Uint8Array[] {
  return scripts.flatMap(({ cache, source }) => {
    const length = cache.length + source.length;
    return [cache, source, new Uint8Array(aligned(length) - length)];
  });
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/**
 * A main module that maps its scripts from the program's own file, all at once. To read them would cost a page fault
 * for each page of their copy.
 *
 * @param start where they begin in that file.
 */
export function loaderOfSpliced(scripts: readonly CachedScript[], start: number): string {
  const PAGE = 4096, PROT_READ = 1, MAP_PRIVATE = 2, MAP_POPULATE = 0x8000;
  const AT_FDCWD = -100, O_CLOEXEC = 0o2000000;
  const offset = start - start % PAGE;
  const places: Record<string, { at: number; cache: number; source: number }> = {};
  let at = start - offset;
  for (const { name, cache, source } of scripts) {
    places[name] = { at, cache: cache.length, source: source.length };
    at += aligned(cache.length + source.length);
  }
  const { openat, mmap, close } = SYSCALLS[Deno.build.arch];
  return loader(
    scripts,
    `const places = ${JSON.stringify(places)};
function call(...words) {
  const { syscall } = libc.symbols;
  const struct = syscall(...words, ...Array(7 - words.length).fill(0));
  const [result] = new BigInt64Array(struct.buffer);
  if (result === -1n) throw new Error("map the program's own file: it failed");
  return result;
}
// A struct of a number goes where that would go; for a function with such a one no fast path is compiled first.
const libc = Deno.dlopen("libc.so.6", {
  syscall: { parameters: Array(7).fill("i64"), result: { struct: ["i64"] } },
});
const path = new TextEncoder().encode("/proc/self/exe\\0");
const name = Deno.UnsafePointer.value(Deno.UnsafePointer.of(path));
const fd = call(${openat}, ${AT_FDCWD}, name, ${O_CLOEXEC});
const memory = call(${mmap}, 0, ${at}, ${PROT_READ}, ${MAP_PRIVATE | MAP_POPULATE}, fd, ${offset});
call(${close}, fd);
const view = new Deno.UnsafePointerView(Deno.UnsafePointer.create(memory));
function read(name) {
  const { at, cache, source } = places[name];
  return [
    new Uint8Array(view.getArrayBuffer(cache, at)),
    new TextDecoder().decode(view.getArrayBuffer(source, at + cache)),
  ];
}`,
  );
}

/** Numbers of the system calls that it takes: such a program is made on its own machine only. */
const SYSCALLS = {
  x86_64: { openat: 257, mmap: 9, close: 3 },
  aarch64: { openat: 56, mmap: 222, close: 57 },
} as const;

/** A main module that reads its scripts from files beside it, `NAME.cache` and `NAME.js`, which are embedded. */
export function loaderOfIncluded(scripts: readonly CachedScript[]): string {
  return loader(
    scripts,
    `const folder = import.meta.dirname;
function read(name) {
  return [
    Deno.readFileSync(folder + "/" + name + ".cache"),
    Deno.readTextFileSync(folder + "/" + name + ".js"),
  ];
}`,
  );
}

function loader(scripts: readonly CachedScript[], read: string): string {
  const homes = Object.fromEntries(
    scripts.flatMap(({ name, modules }) => modules.map((module) => [module, name])),
  );
  return `import { Script } from "node:vm";
${read}
function run(name) {
  const [cachedData, source] = read(name);
  return new Script(source, { filename: "gocontainer.js", cachedData }).runInThisContext();
}
const homes = ${JSON.stringify(homes)};
const scripts = {};
const loaded = {};
function load(name) {
  const script = scripts[homes[name]] ??= run(homes[name]);
  return loaded[name] ??= script[name](load, later);
}
function later(name) {
  return Promise.resolve().then(() => load(name));
}
await load("${ENTRY}");
`;
}
