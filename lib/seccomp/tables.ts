import { AARCH64 } from "./tables/aarch64.ts";
import { ARM } from "./tables/arm.ts";
import { ELSEWHERE } from "./tables/elsewhere.ts";
import { X32_ABSENT, X32_OWN } from "./tables/x32.ts";
import { X86 } from "./tables/x86.ts";
import { X86_64 } from "./tables/x86_64.ts";
import { wordsOf } from "./words.ts";

/** A calling convention that the compiler has a table of system calls for. */
export type Abi = "x86_64" | "x86" | "x32" | "aarch64" | "arm";

/** The bit that marks a system call number as one of x32 (arch/x86/include/uapi/asm/unistd.h). */
export const X32_BIT = 0x4000_0000;

/** The first of ARM's private system calls, far above all others (`__ARM_NR_BASE`). */
export const ARM_PRIVATE = 0xf_0000;

const TEXTS = { x86_64: X86_64, x86: X86, aarch64: AARCH64, arm: ARM } as const;
const tables = new Map<Abi, ReadonlyMap<string, number>>();

/**
 * The system calls of an ABI, by name; their numbers are without the x32 bit. A table is parsed when it
 * is first asked for.
 */
export function syscallNumbers(abi: Abi): ReadonlyMap<string, number> {
  let table = tables.get(abi);
  if (table !== undefined) return table;
  if (abi === "x32") {
    // x32 has the calls of x86_64, under the same numbers but for some.
    const copy = new Map(syscallNumbers("x86_64"));
    for (const name of wordsOf(X32_ABSENT)) copy.delete(name);
    table = parse(X32_OWN, copy);
  } else {
    table = parse(TEXTS[abi], new Map());
  }
  tables.set(abi, table);
  return table;
}

let everywhere: ReadonlySet<string> | undefined;

/** Whether Linux has a system call of this name on any architecture. */
export function isSyscallName(name: string): boolean {
  everywhere ??= new Set([X86_64, X86, AARCH64, ARM, ELSEWHERE].flatMap(wordsOf));
  return everywhere.has(name) && Number.isNaN(Number(name));
}

/**
 * Reads the form in which the tables are kept: names in the order of their numbers, counted from 0;
 * a number among them is that of the name that follows.
 */
function parse(text: string, table: Map<string, number>): ReadonlyMap<string, number> {
  let number = 0;
  for (const word of wordsOf(text)) {
    if (word.charCodeAt(0) <= 0x39) number = Number(word);
    else table.set(word, number++);
  }
  return table;
}
