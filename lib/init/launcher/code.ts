import type { SyscallName } from "../../../ffi/syscalls.ts";

/**
 * An argument of a system call of the launcher: a number, or one of
 *
 * - an address in the file, `{ data: OFFSET }`: what lies there from the start of its data on;
 * - `path`, `argv`, `envp`: of the program, as the launcher itself has got them;
 * - `room`: eight bytes of the stack;
 * - `result`: what the last call has returned, as the first argument only.
 */
export type Operand =
  | number
  | { readonly data: number }
  | "path"
  | "argv"
  | "envp"
  | "room"
  | "result";

/** One instruction of the launcher's code. */
export type Instruction =
  /** A system call, arguments in their order. */
  | { readonly call: SyscallName; readonly args: readonly Operand[] }
  /** Goes on at a label: always, or depending on what the last call has returned. */
  | { readonly jump: string; readonly when?: "negative" | "zero" | { readonly not: number } }
  | { readonly label: string }
  /** Writes a message into the room: what it is, and what the last call has returned, or its error's number. */
  | { readonly message: number; readonly of: "result" | "error" };

/** A piece of machine code; a jump has its place filled in once it is known how far it goes. */
export type Piece =
  | { readonly bytes: readonly number[] }
  | {
    readonly to: string;
    readonly length: number;
    encode(distance: number): readonly number[];
  };

/** Writes instructions as the code of one machine. */
export interface Assembler {
  /** e_machine, elf(5). */
  readonly machine: number;
  /** What comes first: remembers the stack as execve(2) has left it, and takes the room from it. */
  readonly start: readonly number[];
  /**
   * @param base where the data lies in memory.
   */
  assemble(instruction: Exclude<Instruction, { label: string }>, base: number): Piece;
}

/** The code of a list of instructions. */
export function codeOf(
  instructions: readonly Instruction[],
  assembler: Assembler,
  base: number,
): number[] {
  const pieces: Piece[] = [{ bytes: assembler.start }];
  const labels = new Map<string, number>();
  let length = assembler.start.length;
  for (const instruction of instructions) {
    if ("label" in instruction) {
      labels.set(instruction.label, length);
      continue;
    }
    const piece = assembler.assemble(instruction, base);
    pieces.push(piece);
    length += "bytes" in piece ? piece.bytes.length : piece.length;
  }
  const code: number[] = [];
  for (const piece of pieces) {
    if ("bytes" in piece) code.push(...piece.bytes);
    else code.push(...piece.encode(labels.get(piece.to)! - code.length));
  }
  return code;
}

/** 32 bits, the lowest byte first. */
export function le32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
