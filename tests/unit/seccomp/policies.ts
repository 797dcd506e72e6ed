import type {
  SeccompAction,
  SeccompArchitecture,
  SeccompOperator,
} from "../../../lib/oci/seccomp_names.ts";
import type { Seccomp, SeccompCondition, SeccompRule } from "../../../lib/oci/spec.ts";
import type { Machine } from "../../../lib/seccomp/compile.ts";
import { type Abi, ARM_PRIVATE, syscallNumbers, X32_BIT } from "../../../lib/seccomp/tables.ts";
import { ARCHITECTURES, AUDIT_ARCH, returnValue } from "../../../lib/seccomp/values.ts";
import type { Call } from "./interpreter.ts";

/** A policy and the machine that it is for. */
export interface Task {
  config: Seccomp;
  machine: Machine;
}

/** The ABIs of a machine, the native one first. */
export const ABIS: Record<Machine, Abi[]> = {
  x86_64: ["x86_64", "x86", "x32"],
  aarch64: ["aarch64", "arm"],
};

/** The ABIs that a policy has a say about: the native one and those that it lists. */
export function abisOf({ config, machine }: Task): Abi[] {
  return ABIS[machine].filter((abi, i) =>
    i === 0 || config.architectures?.includes(ARCHITECTURES[abi])
  );
}

/** A call's number as it stands in `seccomp_data.nr`. */
export function syscallNumber(name: string, abi: Abi): number | undefined {
  const number = syscallNumbers(abi).get(name);
  return number === undefined || abi !== "x32" ? number : number | X32_BIT;
}

/** A rule for one call with at most one condition for each argument. */
export interface PlainRule {
  name: string;
  nr: number;
  action: number;
  args: SeccompCondition[];
  /** The same as a rule of a configuration. */
  source: SeccompRule;
}

/** include/uapi/linux/net.h and ipc.h, as far as the generated policies go. */
const SOCKETCALL: Record<string, number> = {
  socket: 1,
  bind: 2,
  connect: 3,
  accept: 5,
  recvmmsg: 19,
};
const IPC: Record<string, number> = { semop: 1, msgget: 13, shmat: 21 };

/** The value that calls get which no rule is about. */
export function fallback({ config }: Task): number {
  return returnValue(config.defaultAction, config.defaultErrnoRet);
}

/**
 * What a configuration says about the calls of an ABI, rule by rule: written down a second time, by the
 * words of the specification rather than by how the compiler goes about it.
 */
export function plainRules(task: Task, abi: Abi): PlainRule[] {
  const rules: PlainRule[] = [];
  for (const rule of task.config.syscalls ?? []) {
    const action = returnValue(rule.action, rule.errnoRet);
    if (action === fallback(task)) continue;
    for (const args of listsOf(rule)) {
      for (const name of rule.names) {
        const source = { ...rule, names: [name], args };
        const nr = syscallNumber(name, abi);
        if (nr !== undefined) rules.push({ name, nr, action, args, source });
        if (abi !== "x86") continue;
        const selector = SOCKETCALL[name] ?? IPC[name];
        if (selector === undefined) continue;
        const others = args.filter(({ index }) => index !== 0);
        rules.push({
          name,
          nr: syscallNumber(name in IPC ? "ipc" : "socketcall", abi)!,
          action,
          args: [{ index: 0, value: selector, op: "SCMP_CMP_EQ" }, ...others],
          source,
        });
      }
    }
  }
  return rules;
}

/** The conditions of a rule; when it tests an argument twice, each one by itself. */
export function listsOf({ args = [] }: SeccompRule): SeccompCondition[][] {
  const isRepeated = new Set(args.map(({ index }) => index)).size < args.length;
  return isRepeated ? args.map((arg) => [arg]) : [args];
}

/** Whether a call has the arguments that a rule asks for. */
export function matches({ args }: PlainRule, call: Call, abi: Abi): boolean {
  const width = abi === "x86_64" || abi === "aarch64" ? 64 : 32;
  return args.every(({ index, op, value, valueTwo }) => {
    const a = BigInt.asUintN(width, call.args[index] ?? 0n);
    const b = BigInt.asUintN(width, BigInt(value));
    switch (op) {
      case "SCMP_CMP_NE":
        return a !== b;
      case "SCMP_CMP_LT":
        return a < b;
      case "SCMP_CMP_LE":
        return a <= b;
      case "SCMP_CMP_EQ":
        return a === b;
      case "SCMP_CMP_GE":
        return a >= b;
      case "SCMP_CMP_GT":
        return a > b;
      case "SCMP_CMP_MASKED_EQ":
        return (a & b) === (BigInt(valueTwo ?? 0) & b);
    }
  });
}

/**
 * Whether a number is beyond the newest one that a configuration names, and so one of a system call that
 * was not there when it was written.
 */
export function isNewer({ config }: Task, abi: Abi, nr: number): boolean {
  if (["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(config.defaultAction)) {
    return false;
  }
  const limit = abi === "arm" ? ARM_PRIVATE : Infinity;
  const named = (config.syscalls ?? []).flatMap(({ names }) => names)
    .map((name) => syscallNumber(name, abi) ?? 0).filter((number) => number < limit);
  const newest = Math.max(0, ...named);
  return newest > 0 && nr > newest && nr < limit;
}

/** Calls at and around every operand of rules, in its halves too; `limit` of the combinations at most. */
export function probes(
  nr: number,
  abi: Abi,
  rules: PlainRule[],
  limit: number,
  random: Random,
): Call[] {
  const values = [0, 1, 2, 3, 4, 5].map((index) => {
    const set = new Set([0n]);
    for (const arg of rules.flatMap(({ args }) => args)) {
      if (arg.index !== index) continue;
      for (const value of [BigInt(arg.value), BigInt(arg.valueTwo ?? 0)]) {
        for (const step of [0n, 1n, -1n, 1n << 32n, -1n << 32n, 1n << 63n]) {
          set.add(BigInt.asUintN(64, value + step));
        }
        set.add(value ^ 0xffff_ffffn).add(value ^ 0xffff_ffff_0000_0000n);
      }
    }
    return [...set];
  });
  const count = values.reduce((product, list) => product * list.length, 1);
  const calls: Call[] = [];
  for (let i = 0; i < Math.min(count, limit); i++) {
    let rest = count <= limit ? i : Math.floor(random.next() * count);
    const args = values.map((list) => {
      const value = list[rest % list.length];
      rest = Math.floor(rest / list.length);
      return value;
    });
    calls.push({ nr, arch: AUDIT_ARCH[abi], args });
  }
  return calls;
}

/** Numbers that look random and are the same in every run (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

const OPERANDS = [
  [0n, 1n, 2n, 3n, 5n, 8n],
  [
    ...[0n, 1n, 5n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn],
    ...[0x1_0000_0000n, 0x1_0000_0001n, 0x1_0000_0005n, 0x2_0000_0000n, 0x2_0000_0003n],
    ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n],
    ...[0xffff_ffff_0000_0000n, 0xffff_ffff_ffff_ffffn],
  ],
];

/** Calls made by a number of their own or through another call, here and there or nowhere. */
const NAMES = [
  ..."read write openat ioctl futex clone personality prctl execve mmap ptrace nonsense".split(" "),
  ..."socket connect accept bind recvmmsg semop msgget shmat cachestat fstatat64 open breakpoint"
    .split(" "),
];

const RULE_ACTIONS: SeccompAction[][] = [
  ["SCMP_ACT_ALLOW"],
  ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"],
  ["SCMP_ACT_ERRNO", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP"],
  ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY"],
];

const DEFAULT_ACTIONS: SeccompAction[] = [
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
];

/** How the rules of a generated policy look. */
export interface Shape {
  operators: readonly SeccompOperator[];
  /** Conditions of one rule at most. */
  conditions: number;
}

/** A policy whose rules overlap in all ways that there are. */
export function generate(random: Random, { operators, conditions }: Shape): Task {
  const machine: Machine = random.next() < 0.7 ? "x86_64" : "aarch64";
  const names = [random.pick(NAMES), random.pick(NAMES), random.pick(NAMES)];
  const actions = random.pick(RULE_ACTIONS);
  const operands = random.pick(OPERANDS);
  const defaultAction = random.pick(DEFAULT_ACTIONS);
  const architectures: SeccompArchitecture[] = ABIS[machine].filter(() => random.next() < 0.8)
    .map((abi) => ARCHITECTURES[abi]);
  const syscalls: SeccompRule[] = [];
  for (let i = 1 + random.below(6); i > 0; i--) {
    const action = random.pick(actions);
    const rule: SeccompRule = { names: [random.pick(names), random.pick(names)], action };
    if (action === "SCMP_ACT_NOTIFY" && rule.names.includes("write")) rule.names = ["read"];
    if (action === "SCMP_ACT_ERRNO" && random.next() < 0.5) rule.errnoRet = 1 + random.below(3);
    rule.args = Array.from({ length: random.below(conditions + 1) }, () => {
      const op = random.pick(operators);
      const index = random.next() < 0.7 ? random.below(2) : random.below(6);
      return { index, op, value: random.pick(operands), valueTwo: random.pick(operands) };
    });
    syscalls.push(rule);
  }
  const config: Seccomp = { defaultAction, architectures, listenerPath: "/listener", syscalls };
  if (defaultAction === "SCMP_ACT_ERRNO" && random.next() < 0.3) config.defaultErrnoRet = 38;
  return { config, machine };
}
