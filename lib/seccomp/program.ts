import type { Decision, Node, Test } from "./decision.ts";
import { MAX_INSTRUCTIONS, ProgramSizeError } from "./size.ts";

/**
 * Classic BPF as seccomp(2) runs it (include/uapi/linux/bpf_common.h, filter.h).
 *
 * Jumps go forwards only, so a program is written from its end: an instruction is added in front of
 * all others, and what it jumps to is already there. A label is an instruction's distance from the end.
 */

/** Where an instruction stands, counted from the end of the program. */
export type Label = number;

/** Offsets in struct seccomp_data. */
export const NR = 0;
export const ARCH = 4;
const ARGS = 16;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP = 0x05; // BPF_JMP | BPF_JA
const RETURN = 0x06; // BPF_RET | BPF_K
/** Conditional jumps by their comparison: BPF_JMP | BPF_JEQ, BPF_JGT, BPF_JGE | BPF_K. */
const BRANCH = { "=": 0x15, "&=": 0x15, ">": 0x25, ">=": 0x35 } as const;

/** The longest way a conditional jump can go, less what may be put in between on the way. */
const REACH = 0xff - 2;
const ALL_BITS = 0xffff_ffff;

/** A program under construction. Every method that adds to it may throw a {@link ProgramSizeError}. */
export class Program {
  /** The array of struct sock_filter, filled from its end: opcode and jumps, then the operand. */
  readonly #words = new Uint32Array(2 * MAX_INSTRUCTIONS);
  #count = 0;
  readonly #returns = new Map<number, Label>();
  readonly #detours = new Map<Label, Label>();
  readonly #nodes = new Map<string, Entry>();

  /** Ends with a return value, by an instruction that may serve several. */
  ret(value: number): Label {
    return this.#returns.get(value) ?? this.#newReturn(value);
  }

  /** Loads the 32-bit word at an offset of struct seccomp_data and goes on to `next`. */
  load(offset: number, next: Label): Label {
    const last = this.#count - 1;
    if (next !== last) this.#add(JUMP, last - next);
    return this.#add(LOAD, offset);
  }

  /** Compares what is loaded with a value and goes to one of two places. */
  branch(comparison: keyof typeof BRANCH, value: number, yes: Label, no: Label): Label {
    const yes_ = this.#near(yes), no_ = this.#near(no);
    const next = this.#count - 1;
    return this.#add(BRANCH[comparison] | (next - yes_) << 16 | (next - no_) << 24, value);
  }

  /** Comes to a decision, or goes to `otherwise` when it has none for these arguments. */
  decide(decision: Decision, otherwise: Label): Label {
    if (typeof decision === "number") return this.ret(decision);
    // The last node first: each goes on to the one after it.
    return this.#start(decision.reduceRight(
      (next: Entry, node) => this.#node(node, next),
      { start: otherwise },
    ));
  }

  /** The array of struct sock_filter, 8 bytes each. */
  encode(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#words.slice(2 * (MAX_INSTRUCTIONS - this.#count)).buffer);
  }

  /** Adds a node that goes on to `next` where it comes to no decision. */
  #node({ test, yes, no }: Node, next: Entry): Entry {
    const offset = wordOffset(test);
    const isNextLoaded = next.loaded?.offset === offset && test.mask === ALL_BITS;
    const follow = (decision: Decision | undefined): Label => {
      if (typeof decision === "number") return this.ret(decision);
      if (decision !== undefined) return this.decide(decision, this.#start(next));
      return isNextLoaded ? next.loaded!.label : this.#start(next);
    };
    // A test of no bits holds always.
    if (test.mask === 0) return yes === undefined ? next : { start: follow(yes) };
    const otherwise = follow(no), then = follow(yes);
    if (then === otherwise) return { start: then };
    const key = `${offset} ${test.comparison} ${test.mask} ${test.value} ${then} ${otherwise}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    let label = this.branch(test.comparison, test.value, then, otherwise);
    if (test.mask !== ALL_BITS) label = this.#add(AND, test.mask);
    const entry: Entry = { loaded: { label, offset } };
    this.#nodes.set(key, entry);
    return entry;
  }

  /** Where a node begins for those who come with anything loaded. Nobody may, so it is added when asked for. */
  #start(entry: Entry): Label {
    return entry.start ??= this.load(entry.loaded!.offset, entry.loaded!.label);
  }

  /** A label within a conditional jump's reach that leads to `label`. */
  #near(label: Label): Label {
    if (this.#reaches(label)) return label;
    const at = this.#at(label);
    if (this.#words[at] === RETURN) {
      const value = this.#words[at + 1];
      const last = this.ret(value);
      return this.#reaches(last) ? last : this.#newReturn(value);
    }
    const detour = this.#detours.get(label);
    if (detour !== undefined && this.#reaches(detour)) return detour;
    const fresh = this.#add(JUMP, this.#count - 1 - label);
    this.#detours.set(label, fresh);
    return fresh;
  }

  #reaches(label: Label): boolean {
    return this.#count - 1 - label <= REACH;
  }

  #newReturn(value: number): Label {
    const label = this.#add(RETURN, value);
    this.#returns.set(value, label);
    return label;
  }

  #add(head: number, operand: number): Label {
    if (this.#count === MAX_INSTRUCTIONS) throw new ProgramSizeError();
    const at = this.#at(this.#count);
    this.#words[at] = head;
    this.#words[at + 1] = operand;
    return this.#count++;
  }

  #at(label: Label): number {
    return 2 * (MAX_INSTRUCTIONS - 1 - label);
  }
}

/** Where a node begins: with anything loaded, and with the word loaded that it tests. */
interface Entry {
  start?: Label;
  loaded?: { readonly label: Label; readonly offset: number };
}

/** The offset of an argument's half in struct seccomp_data of a little-endian machine. */
function wordOffset({ argument, high }: Test): number {
  return ARGS + 8 * argument + (high ? 4 : 0);
}
