import { ContainerError } from "../errors.ts";
import { addRule, type Condition, ContradictionError, type Decision } from "./decision.ts";
import { FIRST_DEMULTIPLEXED, multiplexed, throughMultiplexer } from "./multiplexed.ts";
import { type Abi, ARM_PRIVATE, syscallNumbers, X32_BIT } from "./tables.ts";
import { ARCHITECTURES } from "./values.ts";

/** What an entry of `linux.seccomp.syscalls` says. */
export interface Rules {
  /** What messages call the entry. */
  readonly field: string;
  readonly names: readonly string[];
  /** The conditions of each rule that the entry stands for; none where it just names the calls. */
  readonly alternatives: readonly Condition[][];
  /** What the filter returns. */
  readonly action: number;
}

/** What is decided about the calls of one ABI. */
export class Policy {
  /** By the number as it stands in `seccomp_data.nr`. */
  readonly calls = new Map<number, Decision>();
  /** The highest number that the profile names, 0 for none. */
  newest = 0;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #bit: number;
  readonly #width: 32 | 64;

  constructor(readonly abi: Abi) {
    this.#numbers = syscallNumbers(abi);
    this.#bit = abi === "x32" ? X32_BIT : 0;
    this.#width = abi === "x86_64" || abi === "aarch64" ? 64 : 32;
  }

  /**
   * Adds rules.
   *
   * @param known is set to 1 at the index of each name for which there is a call.
   * @throws {ContainerError} InvalidSpec when they contradict earlier ones.
   */
  add(rules: Rules, known: Uint8Array): void {
    // This goes through hundreds of names right after the start, before any of it is optimised.
    const { names, alternatives, action } = rules;
    const { abi, calls } = this, numbers = this.#numbers, bit = this.#bit;
    const isPlain = alternatives.length === 1 && alternatives[0].length === 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const number = numbers.get(name);
      if (number !== undefined) {
        const own = number | bit;
        known[i] = 1;
        if (own > this.newest && !(abi === "arm" && own >= ARM_PRIVATE)) this.newest = own;
        if (!isPlain) this.#decide(rules, name, own, alternatives);
        else if (typeof calls.get(own) !== "number") calls.set(own, action);
      }
      // Calls that are multiplexed have no number of their own, or got one late.
      if (abi !== "x86" || (number !== undefined && number < FIRST_DEMULTIPLEXED)) continue;
      const call = multiplexed(name);
      if (call === undefined) continue;
      known[i] = 1;
      const through = alternatives.map((conditions) => throughMultiplexer(call, conditions));
      this.#decide(rules, name, numbers.get(call.multiplexer)!, through);
    }
  }

  #decide(
    { field, action }: Rules,
    name: string,
    number: number,
    alternatives: readonly Condition[][],
  ) {
    for (const conditions of alternatives) {
      const decided = this.calls.get(number);
      // What is decided for any arguments stays so.
      if (typeof decided === "number") return;
      try {
        this.calls.set(number, addRule(decided, conditions, action, this.#width));
      } catch (cause) {
        if (!(cause instanceof ContradictionError)) throw cause;
        throw new ContainerError(
          `${field}.action: an earlier rule has another one for the same arguments of ` +
            `${JSON.stringify(name)} on ${ARCHITECTURES[this.abi]}`,
          { code: "InvalidSpec", hint: "Put the more general rule first", cause },
        );
      }
    }
  }
}
