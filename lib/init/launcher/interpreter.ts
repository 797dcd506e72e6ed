import { aarch64 } from "./aarch64.ts";
import { x86_64 } from "./x86_64.ts";

/** A machine that the launcher is written for, as `Deno.build.arch` names it. */
export type Machine = typeof Deno.build.arch;

/**
 * The code of the launcher, always the same: it carries out a table of system calls, row by row from the third one
 * on. Behind it stands the table's address (32 bits). It has room for eight bytes, and a row has eight words of 32 bits:
 *
 *     flags, number of the call, its five arguments, what to tell of its failure
 *
 * A result below zero is a failure, unless nothing is to be told of it: then the word and the error's number go into
 * the room, and the first row follows, which sends that.
 */
export interface Interpreter {
  /** e_machine, elf(5). */
  readonly machine: number;
  /** Its length is a multiple of eight. */
  readonly code: readonly number[];
}

/** Flags of a row. */
export const FLAGS = {
  /** The last result is the first argument. */
  RESULT: 1,
  /** The second argument is the address of the room. */
  ROOM: 2,
  /** Before the call, its fourth argument and the last result go into the room. */
  TELL: 4,
  /** No call: when the last result, masked by the second word, is the third one, the row at the fourth one follows. */
  JUMP: 8,
  /** The fifth argument is a result that is no failure. */
  TOLERANT: 16,
} as const;

/** Words of a row. */
export const ROW = 8;

/** That of a machine. */
export function interpreterOf(machine: Machine): Interpreter {
  return machine === "x86_64" ? x86_64 : aarch64;
}
