import { alloc } from "../../../ffi/struct.ts";
import { ANY_ACCESS, type Rule } from "../devices.ts";

/**
 * Compiles device rules to a program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2), cgroup-v2.rst,
 * Device controller): the kernel runs it at each mknod(2) and open(2) of a device node and refuses
 * with EPERM when it returns 0.
 *
 * The last rule that matches decides, so they are tried from the last to the first, each access
 * bit by itself: an allowing rule strikes the bits that it grants, and when none is left the
 * answer is yes; a denying rule that meets a bit still open makes it no, and so does the end.
 *
 * @returns eBPF instructions of 8 bytes each (Documentation/bpf/standardization/instruction-set.rst).
 */
export function compileDeviceFilter(rules: readonly Rule[]): Uint8Array<ArrayBuffer> {
  const code: Instruction[] = [
    // struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }, access << 16 | type
    load(TYPE, 0),
    move(OPEN, TYPE),
    andConstant(TYPE, 0xffff),
    shiftRight(OPEN, 16),
    load(MAJOR, 4),
    load(MINOR, 8),
  ];
  for (const rule of rules.toReversed()) {
    const tests: [register: number, value: number][] = [];
    if (rule.type !== "a") tests.push([TYPE, rule.type === "b" ? DEVICE_BLOCK : DEVICE_CHAR]);
    if (rule.major !== undefined) tests.push([MAJOR, rule.major]);
    if (rule.minor !== undefined) tests.push([MINOR, rule.minor]);
    const verdict = rule.allow ? allow(rule.access) : deny(rule.access);
    tests.forEach(([register, value], i) => {
      code.push(jumpUnless(register, value, tests.length - i - 1 + verdict.length));
    });
    code.push(...verdict);
    // The verifier refuses instructions that nothing leads to.
    if (tests.length === 0 && rule.access === ANY_ACCESS) return encode(code);
  }
  return encode([...code, ...answer(0)]);
}

/** Registers; r1 is the context, r0 the result. */
const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
/** The access bits of the request that no rule has spoken on yet. */
const OPEN = 3;
const MAJOR = 4;
const MINOR = 5;

/** BPF_DEVCG_DEV_BLOCK and BPF_DEVCG_DEV_CHAR, linux/bpf.h. */
const DEVICE_BLOCK = 1;
const DEVICE_CHAR = 2;

/** struct bpf_insn: operation, destination and source register, jump offset or field, constant. */
type Instruction = readonly [code: number, to: number, from: number, off: number, imm: number];

const BPF_LDX_MEM_W = 0x61;
const BPF_ALU64_AND_K = 0x57;
const BPF_ALU64_RSH_K = 0x77;
const BPF_ALU64_MOV_K = 0xb7;
const BPF_ALU64_MOV_X = 0xbf;
const BPF_JMP_JA = 0x05;
const BPF_JMP_JNE_K = 0x55;
const BPF_JMP_JSET_K = 0x45;
const BPF_JMP_EXIT = 0x95;

const load = (to: number, field: number): Instruction => [BPF_LDX_MEM_W, to, CONTEXT, field, 0];
const move = (to: number, from: number): Instruction => [BPF_ALU64_MOV_X, to, from, 0, 0];
const andConstant = (to: number, value: number): Instruction => [BPF_ALU64_AND_K, to, 0, 0, value];
const shiftRight = (to: number, bits: number): Instruction => [BPF_ALU64_RSH_K, to, 0, 0, bits];
const jumpUnless = (register: number, value: number, over: number): Instruction => [
  BPF_JMP_JNE_K,
  register,
  0,
  over,
  value,
];

function answer(result: 0 | 1): Instruction[] {
  return [[BPF_ALU64_MOV_K, RESULT, 0, 0, result], [BPF_JMP_EXIT, 0, 0, 0, 0]];
}

function allow(access: number): Instruction[] {
  const yes = answer(1);
  if (access === ANY_ACCESS) return yes;
  return [andConstant(OPEN, ANY_ACCESS & ~access), [BPF_JMP_JNE_K, OPEN, 0, yes.length, 0], ...yes];
}

function deny(access: number): Instruction[] {
  const no = answer(0);
  if (access === ANY_ACCESS) return no;
  return [[BPF_JMP_JSET_K, OPEN, 0, 1, access], [BPF_JMP_JA, 0, 0, no.length, 0], ...no];
}

function encode(code: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = alloc(8 * code.length);
  const view = new DataView(bytes.buffer);
  code.forEach(([operation, to, from, offset, constant], i) => {
    view.setUint8(8 * i, operation);
    view.setUint8(8 * i + 1, from << 4 | to);
    view.setInt16(8 * i + 2, offset, true);
    view.setInt32(8 * i + 4, constant, true);
  });
  return bytes;
}
