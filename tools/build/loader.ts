/** The compiled program's main module, which hands V8 its scripts with their compiled form. */

import { LIBC_SYMBOLS, MMAP } from "../../ffi/libc_symbols.ts";
import { link } from "./link.ts";
import { FIRST } from "./scripts.ts";

/** A script with its compiled form, which comes first, for V8 wants it aligned. */
export interface CachedScript {
  readonly name: string;
  readonly cache: Uint8Array;
  readonly source: Uint8Array;
}

/** The scripts as {@link loaderOfSpliced} finds them, one behind the other, each at a multiple of eight bytes. */
export function piecesOf(scripts: readonly CachedScript[]): Uint8Array[] {
  return scripts.flatMap((script) => {
    const { cache, source } = script;
    return [cache, source, new Uint8Array(room(script) - cache.length - source.length)];
  });
}

/** How much a script takes with the NUL that ends it. */
function room({ cache, source }: CachedScript): number {
  return Math.ceil((cache.length + source.length + 1) / 8) * 8;
}

/**
 * A main module that maps its scripts from the program's own file. To read them would cost a page fault for each page
 * of their copy; of the mapping one brings sixteen pages, and those of a script that is not loaded cost nothing.
 *
 * @param start where they begin in that file.
 */
export function loaderOfSpliced(scripts: readonly CachedScript[], start: number): string {
  const PAGE = 4096, PROT_READ = 1, MAP_PRIVATE = 2;
  const AT_FDCWD = -100, O_CLOEXEC = 0o2000000;
  const offset = start - start % PAGE;
  const places: Record<string, { at: number; cache: number }> = {};
  let at = start - offset;
  for (const script of scripts) {
    places[script.name] = { at, cache: script.cache.length };
    at += room(script);
  }
  const { openat, close } = SYSCALLS[Deno.build.arch];
  return loader(
    `const places = ${JSON.stringify(places)};
const libc = globalThis.libcOfLoader = Deno.dlopen("libc.so.6", ${
      JSON.stringify({ ...LIBC_SYMBOLS, mmap: MMAP })
    });
const { syscall, mmap } = libc.symbols;
const path = new TextEncoder().encode("/proc/self/exe\\0");
const name = Deno.UnsafePointer.value(Deno.UnsafePointer.of(path));
const none = new Uint8Array(8);
const fd = BigInt(syscall(${openat}n, ${AT_FDCWD}n, name, ${O_CLOEXEC}n, 0n, 0n, none));
const offset = new Uint8Array(new BigInt64Array([${offset}n]).buffer);
const memory = mmap(0n, ${at}n, ${PROT_READ}n, ${MAP_PRIVATE}n, fd, offset);
syscall(${close}n, fd, 0n, 0n, 0n, 0n, none);
// MAP_FAILED is an address of all ones.
if (Deno.UnsafePointer.value(memory) > 2 ** 63) throw new Error("map the program's own file: it failed");
const view = new Deno.UnsafePointerView(memory);
function read(name) {
  const { at, cache } = places[name];
  return [new Uint8Array(view.getArrayBuffer(cache, at)), view.getCString(at + cache)];
}`,
  );
}

/** Numbers of the system calls that it takes: such a program is made on its own machine only. */
const SYSCALLS = {
  x86_64: { openat: 257, close: 3 },
  aarch64: { openat: 56, close: 57 },
} as const;

/** A main module that reads its scripts from files beside it, `NAME.cache` and `NAME.js`, which are embedded. */
export function loaderOfIncluded(): string {
  return loader(
    `const folder = import.meta.dirname;
function read(name) {
  return [
    Deno.readFileSync(folder + "/" + name + ".cache"),
    Deno.readTextFileSync(folder + "/" + name + ".js"),
  ];
}`,
  );
}

function loader(read: string): string {
  return `import { Script } from "node:vm";
${read}
const link = ${link};
await link((name) => {
  const [cachedData, source] = read(name);
  return new Script(source, { filename: "gocontainer.js", cachedData }).runInThisContext();
})("${FIRST}", 0);
`;
}
