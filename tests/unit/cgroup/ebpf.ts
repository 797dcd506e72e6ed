/** A request for a device as the kernel hands it to the program. */
export interface Request {
  type: "b" | "c";
  major: number;
  minor: number;
  access: string;
}

/**
 * Interprets the part of eBPF that a device filter may use, strictly: an unknown instruction, a jump
 * backwards or out of the program, an unwritten register or a missing exit is an error, as it is to
 * the kernel's verifier.
 */
export function interpret(program: Uint8Array, request: Request): bigint {
  const bits = { m: 1, r: 2, w: 4 } as Record<string, number>;
  const access = [...request.access].reduce((sum, letter) => sum | bits[letter]!, 0);
  const context = new DataView(new ArrayBuffer(12));
  context.setUint32(0, access << 16 | (request.type === "b" ? 1 : 2), true);
  context.setUint32(4, request.major, true);
  context.setUint32(8, request.minor, true);

  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers = new Map<number, bigint>();
  const value = (register: number) => {
    const value = registers.get(register);
    if (value === undefined) throw new Error(`r${register} is read before it is written`);
    return value;
  };
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint8(8 * at);
    const to = view.getUint8(8 * at + 1) & 15;
    const from = view.getUint8(8 * at + 1) >> 4;
    const offset = view.getInt16(8 * at + 2, true);
    const constant = BigInt(view.getInt32(8 * at + 4, true));
    const jump = (taken: boolean) => {
      if (offset < 0) throw new Error(`${at}: jumps backwards`);
      if (taken) at += offset;
    };
    switch (code) {
      case 0x61: // ldxw: only from the context, which is r1
        if (from !== 1) throw new Error(`${at}: reads from r${from}`);
        registers.set(to, BigInt(context.getUint32(offset, true)));
        break;
      case 0x57:
        registers.set(to, value(to) & constant);
        break;
      case 0x77:
        registers.set(to, value(to) >> constant);
        break;
      case 0xb7:
        registers.set(to, constant);
        break;
      case 0xbf:
        registers.set(to, value(from));
        break;
      case 0x05:
        jump(true);
        break;
      case 0x55:
        jump(value(to) !== constant);
        break;
      case 0x45:
        jump((value(to) & constant) !== 0n);
        break;
      case 0x95:
        return value(0);
      default:
        throw new Error(`${at}: unknown instruction 0x${code.toString(16)}`);
    }
  }
  throw new Error("runs past its end");
}

/** The instructions that no path leads to: the verifier of the kernel refuses them. */
export function unreachable(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = program.length / 8;
  const seen = new Set<number>();
  const open = [0];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at >= count) throw new Error(`${at}: a path runs past the end`);
    if (seen.has(at)) continue;
    seen.add(at);
    const code = view.getUint8(8 * at);
    if (code === 0x95) continue;
    if ((code & 7) === 5) open.push(at + 1 + view.getInt16(8 * at + 2, true));
    if (code !== 0x05) open.push(at + 1);
  }
  return [...Array(count).keys()].filter((at) => !seen.has(at));
}
