import { tablesOfSyscalls } from "../../../ffi/syscalls.ts";
import { type Assembler, type Instruction, le32, type Operand, type Piece } from "./code.ts";

/** Of aarch64; the registers' names as in the manual. `x19` holds the stack as it was, w0 the last result. */
export const aarch64: Assembler = {
  machine: 183,
  start: [
    0x910003f3, //                         mov  x19, sp
    0xd10043ff, //                         sub  sp, sp, #16
  ].flatMap(le32),
  assemble,
};

const SVC = 0xd4000001; //                 svc  #0

/** movz wN, #low; movk wN, #high, lsl #16 */
function move(register: number, value: number): number[] {
  return [
    0x52800000 | ((value & 0xffff) << 5) | register,
    0x72a00000 | ((value >>> 16) << 5) | register,
  ];
}

function assemble(instruction: Exclude<Instruction, { label: string }>, base: number): Piece {
  if ("call" in instruction) {
    const number = tablesOfSyscalls.aarch64[instruction.call];
    const args = instruction.args.flatMap((operand, i) => argument(operand, i, base));
    return { bytes: [...args, ...move(8, number), SVC].flatMap(le32) };
  }
  if ("message" in instruction) {
    const words = [
      ...instruction.of === "error" ? [0x4b0003e0] : [], //          neg  w0, w0
      ...move(9, instruction.message),
      0xb90003e9, //                                                 str  w9, [sp]
      0xb90007e0, //                                                 str  w0, [sp, #4]
    ];
    return { bytes: words.flatMap(le32) };
  }
  const { jump, when } = instruction;
  const test = typeof when === "object"
    ? [0x7100001f | (when.not << 10)] //   cmp  w0, #number
    : [];
  const length = 4 * (test.length + 1);
  return {
    to: jump,
    length,
    encode: (far) => [...test, branch(when, (far - 4 * test.length) / 4)].flatMap(le32),
  };
}

function branch(when: Extract<Instruction, { jump: string }>["when"], words: number): number {
  if (when === undefined) return 0x14000000 | (words & 0x3ffffff); //      b
  if (when === "zero") return 0x34000000 | ((words & 0x7ffff) << 5); //    cbz  w0
  if (when === "negative") return 0x37f80000 | ((words & 0x3fff) << 5); // tbnz w0, #31
  return 0x54000001 | ((words & 0x7ffff) << 5); //                         b.ne
}

function argument(operand: Operand, index: number, base: number): number[] {
  if (typeof operand === "number") return move(index, operand);
  if (typeof operand === "object") return move(index, base + operand.data);
  switch (`${operand} ${index}`) {
    case "path 0":
      return [0xf9400660]; //              ldr  x0, [x19, #8]          argv[0]
    case "argv 1":
      return [0x91004261]; //              add  x1, x19, #16           &argv[1]
    case "envp 2":
      return [
        0xf9400262, //                     ldr  x2, [x19]              argc
        0x8b020e62, //                     add  x2, x19, x2, lsl #3
        0x91004042, //                     add  x2, x2, #16            envp
      ];
    case "room 1":
      return [0x910003e1]; //              mov  x1, sp
    case "result 0":
      return []; //                        w0 is both
  }
  throw new RangeError(`No code for ${operand} as argument ${index}`);
}
