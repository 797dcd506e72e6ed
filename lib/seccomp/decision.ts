import type { SeccompOperator } from "../oci/seccomp_names.ts";
import { MAX_INSTRUCTIONS, ProgramSizeError } from "./size.ts";

/**
 * What is decided about one system call: a return value of the filter, or tests of its arguments.
 *
 * The order in which rules with arguments are tried is libseccomp's, so that a profile written for
 * another runtime decides the same here: a rule without arguments beats every rule with some, and of
 * two rules that both match, the one that tests a higher argument, or for equality rather than for
 * an order, or with the closer bound, is tried first, whatever the order of the profile. What is decided
 * is always what a matching rule asks for; tests/unit/seccomp/libseccomp_test.ts has where that differs.
 */
export type Decision = number | Level;

/** Nodes tried one after another until one comes to a decision. */
export type Level = Node[];

/** A test of one 32-bit word of an argument and what follows from it; nothing: try what comes next. */
export interface Node {
  readonly test: Test;
  yes: Decision | undefined;
  no: Decision | undefined;
}

/** How a word is compared: the conditional jumps of BPF. A masked word is compared for equality. */
export type Comparison = "=" | "&=" | ">" | ">=";

/** A test of one 32-bit word. */
export interface Test {
  /** Which argument, from 0. */
  readonly argument: number;
  /** Whether the upper half of it. */
  readonly high: boolean;
  readonly comparison: Comparison;
  /** Applied to the word before comparing. */
  readonly mask: number;
  readonly value: number;
  /** The comparison as the rule has it. */
  readonly operator: SeccompOperator;
  /** The whole 64-bit operand, of which `value` is one half. */
  readonly operand: bigint;
}

/** One condition of a rule. */
export interface Condition {
  readonly argument: number;
  readonly operator: SeccompOperator;
  /** Applied to the argument before comparing; all bits, unless the operator is MASKED_EQ. */
  readonly mask: bigint;
  readonly operand: bigint;
}

const ALL = 0xffff_ffff_ffff_ffffn;
const WORD = 0xffff_ffff;

/** Two rules give different decisions for the very same arguments. */
export class ContradictionError extends Error {
  override readonly name = "ContradictionError";
}

/** A condition of a rule (config-linux.md, `args`): `value` is the mask of MASKED_EQ, `valueTwo` its operand. */
export function condition(
  argument: number,
  operator: SeccompOperator,
  value: bigint,
  valueTwo: bigint,
): Condition {
  return operator === "SCMP_CMP_MASKED_EQ"
    ? { argument, operator, mask: value, operand: valueTwo & value }
    : { argument, operator, mask: ALL, operand: value };
}

/**
 * Adds a rule to what is already decided about a call.
 *
 * @param conditions all of which must hold, at most one for each argument.
 * @param bits how wide an argument is; of a 32-bit one only the lower half is looked at.
 * @throws {ContradictionError}
 */
export function addRule(
  decided: Level | undefined,
  conditions: readonly Condition[],
  action: number,
  bits: 32 | 64,
): Decision {
  const relevant = bits === 64 ? ALL : BigInt(WORD);
  const chain = conditions
    .filter(({ mask }) => (mask & relevant) !== 0n)
    .sort((a, b) => a.argument - b.argument);
  const rule = decide(chain, 0, action, bits);
  if (typeof rule === "number" || decided === undefined) return rule;
  for (const node of rule) insert(decided, node);
  return decided;
}

/** The tests for the conditions from `index` on, each with what follows when all the rest hold too. */
function decide(
  chain: readonly Condition[],
  index: number,
  action: number,
  bits: 32 | 64,
): Decision {
  const current = chain[index];
  if (current === undefined) return action;
  const rest = () => decide(chain, index + 1, action, bits);
  return bits === 64 ? wide(current, rest) : narrow(current, rest);
}

/** A 64-bit comparison by the halves: the upper one decides unless it is equal. */
function wide(condition: Condition, rest: () => Decision): Level {
  const upper = (comparison: Comparison) => half(condition, true, comparison);
  const lower = (comparison: Comparison) => half(condition, false, comparison);
  switch (condition.operator) {
    case "SCMP_CMP_EQ":
      return [node(upper("="), [node(lower("="), rest(), undefined)], undefined)];
    case "SCMP_CMP_MASKED_EQ":
      return [node(upper("&="), [node(lower("&="), rest(), undefined)], undefined)];
    case "SCMP_CMP_NE":
      return [node(upper("="), [node(lower("="), undefined, rest())], rest())];
    case "SCMP_CMP_GT":
    case "SCMP_CMP_GE": {
      const low = lower(condition.operator === "SCMP_CMP_GT" ? ">" : ">=");
      const equal = node(upper("="), [node(low, rest(), undefined)], undefined);
      return [node(upper(">"), rest(), [equal])];
    }
    case "SCMP_CMP_LT":
    case "SCMP_CMP_LE": {
      const low = lower(condition.operator === "SCMP_CMP_LE" ? ">" : ">=");
      const equal = node(upper("="), [node(low, undefined, rest())], rest());
      return [node(upper(">"), undefined, [equal])];
    }
  }
}

/** A comparison of the lower halves alone. */
function narrow(condition: Condition, rest: () => Decision): Level {
  const lower = (comparison: Comparison) => half(condition, false, comparison);
  switch (condition.operator) {
    case "SCMP_CMP_EQ":
      return [node(lower("="), rest(), undefined)];
    case "SCMP_CMP_MASKED_EQ":
      return [node(lower("&="), rest(), undefined)];
    case "SCMP_CMP_NE":
      return [node(lower("="), undefined, rest())];
    case "SCMP_CMP_GT":
      return [node(lower(">"), rest(), undefined)];
    case "SCMP_CMP_GE":
      return [node(lower(">="), rest(), undefined)];
    case "SCMP_CMP_LT":
      return [node(lower(">="), undefined, rest())];
    case "SCMP_CMP_LE":
      return [node(lower(">"), undefined, rest())];
  }
}

function node(test: Test, yes: Decision | undefined, no: Decision | undefined): Node {
  return { test, yes, no };
}

function half(condition: Condition, high: boolean, comparison: Comparison): Test {
  const { argument, operator, mask, operand } = condition;
  const shift = high ? 32n : 0n;
  return {
    argument,
    high,
    comparison,
    mask: Number((mask >> shift) & BigInt(WORD)),
    value: Number((operand >> shift) & BigInt(WORD)),
    operator,
    operand,
  };
}

/** Puts a node in its place among those of a level, or unites it with the one that makes the same test. */
function insert(level: Level, fresh: Node): void {
  if (level.length === MAX_INSTRUCTIONS) throw new ProgramSizeError();
  for (let i = 0; i < level.length; i++) {
    const present = level[i];
    if (same(present.test, fresh.test)) return unite(present, fresh);
    if (before(fresh.test, present.test)) {
      level.splice(i, 0, fresh);
      return;
    }
  }
  level.push(fresh);
}

function same(a: Test, b: Test): boolean {
  return a.argument === b.argument && a.high === b.high && a.comparison === b.comparison &&
    a.mask === b.mask && a.value === b.value;
}

/** Whether `a` is tried before `b`. */
function before(a: Test, b: Test): boolean {
  const rankA = rank(a), rankB = rank(b);
  if (rankA !== rankB) return rankA > rankB;
  return isUpperBound(a.operator) ? a.value < b.value : a.value > b.value;
}

function rank({ argument, high, operator }: Test): number {
  return argument * 8 + (high ? 4 : 0) +
    (isUpperBound(operator) ? 2 : isLowerBound(operator) ? 1 : 3);
}

function isUpperBound(operator: SeccompOperator): boolean {
  return operator === "SCMP_CMP_LT" || operator === "SCMP_CMP_LE";
}

function isLowerBound(operator: SeccompOperator): boolean {
  return operator === "SCMP_CMP_GT" || operator === "SCMP_CMP_GE";
}

/** Unites two nodes that make the same test. */
function unite(present: Node, fresh: Node): void {
  const isLeaf = (n: Node) => typeof n.yes !== "object" && typeof n.no !== "object";
  const exact = isLeaf(present) || isLeaf(fresh);
  // What exceeds both of two lower bounds in the upper half is for the rule with the closer one.
  const closer = fresh.test.high && fresh.test.operand > present.test.operand;
  present.yes = merge(present.yes, fresh.yes, closer, exact);
  present.no = merge(present.no, fresh.no, false, exact);
}

/**
 * What two rules together say after the same tests.
 *
 * @param closer whether the fresh rule comes before the present one.
 * @param exact whether nothing else tells the two rules apart.
 */
function merge(
  present: Decision | undefined,
  fresh: Decision | undefined,
  closer: boolean,
  exact: boolean,
): Decision | undefined {
  if (fresh === undefined) return present;
  if (present === undefined) return fresh;
  if (typeof fresh === "object") {
    if (typeof present === "object") { for (const node of fresh) insert(present, node); }
    return present;
  }
  if (typeof present === "object") {
    if (!decidesOnly(present, fresh)) throw new ContradictionError();
    return fresh;
  }
  if (present === fresh) return present;
  if (exact) throw new ContradictionError();
  return closer ? fresh : present;
}

/** Whether a decision can come to no other result than `action`. */
function decidesOnly(decision: Decision | undefined, action: number): boolean {
  if (decision === undefined) return true;
  if (typeof decision === "number") return decision === action;
  return decision.every(({ yes, no }) => decidesOnly(yes, action) && decidesOnly(no, action));
}
