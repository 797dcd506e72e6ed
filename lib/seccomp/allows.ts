import { ACTIONS, AUDIT_ARCH } from "./values.ts";

/**
 * Whether a compiled filter lets a system call of this machine's own ABI be made: runs it as the kernel does
 * (Documentation/networking/filter.rst), as far as programs of the compiler go.
 *
 * @param program struct sock_filter, 8 bytes each.
 * @param args the call's first arguments; the others are 0.
 */
export function allows(program: Uint8Array, number: number, args: readonly number[] = []): boolean {
  const action = decide(program, number, args) & ACTION;
  return action === ACTIONS.SCMP_ACT_ALLOW || action === ACTIONS.SCMP_ACT_LOG;
}

/** SECCOMP_RET_ACTION_FULL without its sign. */
const ACTION = 0x7fff_0000;

/** struct seccomp_data in words: the number, the architecture, the instruction pointer, six arguments. */
function dataOf(number: number, args: readonly number[]): number[] {
  const halves = [0, 1, 2, 3, 4, 5].flatMap((i) => [args[i] ?? 0, 0]);
  return [number, AUDIT_ARCH[Deno.build.arch as "x86_64" | "aarch64"], 0, 0, ...halves];
}

function decide(program: Uint8Array, number: number, args: readonly number[]): number {
  const data = dataOf(number, args);
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  let a = 0;
  for (let pc = 0;; pc++) {
    const k = view.getUint32(8 * pc + 4, true);
    const jump = (holds: boolean) => view.getUint8(8 * pc + (holds ? 2 : 3));
    switch (view.getUint16(8 * pc, true)) {
      case 0x20: // BPF_LD | BPF_W | BPF_ABS
        a = data[k / 4]! >>> 0;
        break;
      case 0x54: // BPF_ALU | BPF_AND | BPF_K
        a = (a & k) >>> 0;
        break;
      case 0x05: // BPF_JMP | BPF_JA
        pc += k;
        break;
      case 0x15: // BPF_JMP | BPF_JEQ | BPF_K
        pc += jump(a === k);
        break;
      case 0x25: // BPF_JMP | BPF_JGT | BPF_K
        pc += jump(a > k);
        break;
      case 0x35: // BPF_JMP | BPF_JGE | BPF_K
        pc += jump(a >= k);
        break;
      case 0x06: // BPF_RET | BPF_K
        return k;
      default:
        throw new RangeError("Not an instruction of the compiler's");
    }
  }
}
