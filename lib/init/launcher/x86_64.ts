import { tablesOfSyscalls } from "../../../ffi/syscalls.ts";
import { type Assembler, type Instruction, le32, type Operand, type Piece } from "./code.ts";

/** Of x86_64; the registers' names as in the manual. `rbx` holds the stack as it was, eax the last result. */
export const x86_64: Assembler = {
  machine: 62,
  start: [
    ...[0x48, 0x89, 0xe3], //              mov  rbx, rsp
    ...[0x48, 0x83, 0xec, 0x10], //        sub  rsp, 16
  ],
  assemble,
};

/** The registers of arguments: rdi, rsi, rdx, r10, r8. */
const MOVES: readonly (readonly number[])[] = [[0xbf], [0xbe], [0xba], [0x41, 0xba], [0x41, 0xb8]];

function assemble(instruction: Exclude<Instruction, { label: string }>, base: number): Piece {
  if ("call" in instruction) {
    const number = tablesOfSyscalls.x86_64[instruction.call];
    const args = instruction.args.flatMap((operand, i) => argument(operand, i, base));
    //                                     mov  eax, number; syscall
    return { bytes: [...args, 0xb8, ...le32(number), 0x0f, 0x05] };
  }
  if ("message" in instruction) {
    return {
      bytes: [
        ...instruction.of === "error" ? [0xf7, 0xd8] : [], //        neg  eax
        ...[0xc7, 0x04, 0x24, ...le32(instruction.message)], //      mov  dword [rsp], message
        ...[0x89, 0x44, 0x24, 0x04], //                              mov  [rsp+4], eax
      ],
    };
  }
  const { jump, when } = instruction;
  const test = when === undefined ? [] : typeof when === "object"
    ? [0x3d, ...le32(when.not)] //         cmp  eax, number
    : [0x85, 0xc0]; //                     test eax, eax
  const opcode = when === undefined
    ? [0xe9] //                            jmp
    : typeof when === "object"
    ? [0x0f, 0x85] //                      jne
    : when === "zero"
    ? [0x0f, 0x84] //                      je
    : [0x0f, 0x88]; //                     js
  const length = test.length + opcode.length + 4;
  return { to: jump, length, encode: (far) => [...test, ...opcode, ...le32(far - length)] };
}

function argument(operand: Operand, index: number, base: number): number[] {
  if (typeof operand === "number") return [...MOVES[index]!, ...le32(operand)]; // mov  reg, number
  if (typeof operand === "object") return [...MOVES[index]!, ...le32(base + operand.data)];
  switch (`${operand} ${index}`) {
    case "path 0":
      return [0x48, 0x8b, 0x7b, 0x08]; //  mov  rdi, [rbx+8]           argv[0]
    case "argv 1":
      return [0x48, 0x8d, 0x73, 0x10]; //  lea  rsi, [rbx+16]          &argv[1]
    case "envp 2":
      return [
        ...[0x48, 0x8b, 0x03], //          mov  rax, [rbx]             argc
        ...[0x48, 0x8d, 0x54, 0xc3, 0x10], // lea rdx, [rbx+rax*8+16]  envp
      ];
    case "room 1":
      return [0x48, 0x89, 0xe6]; //        mov  rsi, rsp
    case "result 0":
      return [0x89, 0xc7]; //              mov  edi, eax
  }
  throw new RangeError(`No code for ${operand} as argument ${index}`);
}
