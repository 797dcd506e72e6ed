/**
 * Runs classic BPF as the kernel runs a seccomp filter (net/core/filter.c, kernel/seccomp.c): a check
 * of what the filter may contain, and an interpreter that the tests put calls to.
 */

/** struct seccomp_data, include/uapi/linux/seccomp.h. */
export interface Call {
  nr: number;
  arch: number;
  args: readonly bigint[];
}

/** A filter ready to run. */
export class Filter {
  readonly #code: Uint16Array;
  readonly #yes: Uint8Array;
  readonly #no: Uint8Array;
  readonly #k: Uint32Array;
  readonly #data = new Uint32Array(16);
  readonly #args = new BigUint64Array(this.#data.buffer, 16, 6);
  /** Instructions run by the last call of {@link run}. */
  steps = 0;

  /** @throws {Error} for a program that the kernel would refuse. */
  constructor(readonly program: Uint8Array) {
    const count = program.length / 8;
    if (!Number.isInteger(count) || count === 0 || count > 4096) {
      throw new Error(`${count} instructions`);
    }
    const view = new DataView(program.buffer, program.byteOffset, program.length);
    this.#code = new Uint16Array(count);
    this.#yes = new Uint8Array(count);
    this.#no = new Uint8Array(count);
    this.#k = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      this.#code[i] = view.getUint16(8 * i, true);
      this.#yes[i] = view.getUint8(8 * i + 2);
      this.#no[i] = view.getUint8(8 * i + 3);
      this.#k[i] = view.getUint32(8 * i + 4, true);
    }
    for (let i = 0; i < count; i++) this.#check(i, count);
  }

  /** How many instructions there are. */
  get length(): number {
    return this.#code.length;
  }

  /** What the filter returns for a call. */
  run({ nr, arch, args }: Call): number {
    this.#data[0] = nr;
    this.#data[1] = arch;
    for (let i = 0; i < 6; i++) this.#args[i] = args[i] ?? 0n;
    let a = 0;
    this.steps = 0;
    for (let pc = 0;; pc++) {
      this.steps++;
      const k = this.#k[pc]!;
      switch (this.#code[pc]) {
        case 0x20:
          a = this.#data[k >> 2]!;
          break;
        case 0x54:
          a = (a & k) >>> 0;
          break;
        case 0x05:
          pc += k;
          break;
        case 0x15:
          pc += a === k ? this.#yes[pc]! : this.#no[pc]!;
          break;
        case 0x25:
          pc += a > k ? this.#yes[pc]! : this.#no[pc]!;
          break;
        case 0x35:
          pc += a >= k ? this.#yes[pc]! : this.#no[pc]!;
          break;
        case 0x06:
          return k;
      }
    }
  }

  #check(i: number, count: number): void {
    const k = this.#k[i]!;
    const within = (target: number) => {
      if (target >= count) throw new Error(`instruction ${i} jumps to ${target} of ${count}`);
    };
    switch (this.#code[i]) {
      case 0x20:
        if (k % 4 !== 0 || k >= 64) throw new Error(`instruction ${i} loads from ${k}`);
        within(i + 1);
        break;
      case 0x54:
        within(i + 1);
        break;
      case 0x05:
        within(i + 1 + k);
        break;
      case 0x15:
      case 0x25:
      case 0x35:
        within(i + 1 + this.#yes[i]!);
        within(i + 1 + this.#no[i]!);
        break;
      case 0x06:
        break;
      default:
        throw new Error(`instruction ${i} has the code ${this.#code[i]!.toString(16)}`);
    }
  }
}
