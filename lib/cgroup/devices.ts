import { ContainerError } from "../errors.ts";
import type { DeviceRule } from "../oci/spec.ts";

/** What may be done with a device node, as bits; the values are BPF_DEVCG_ACC_* of linux/bpf.h. */
const ACCESS = { m: 1, r: 2, w: 4 } as const;
/** All of {@link ACCESS}. */
export const ANY_ACCESS = 7;

/** A rule in one form: a missing number stands for all numbers. */
export interface Rule {
  readonly allow: boolean;
  /** `a`: block and character devices alike. */
  readonly type: "a" | "b" | "c";
  readonly major?: number;
  readonly minor?: number;
  /** Bits of {@link ACCESS}. */
  readonly access: number;
}

const characterDevice = { allow: true, type: "c", access: ANY_ACCESS } as const;

/**
 * What every container may use, because it gets these nodes (config-linux.md, Default Devices);
 * and any node may be made, which alone does no harm: opening it is what is guarded.
 */
const DEFAULT_RULES: readonly Rule[] = [
  { allow: true, type: "c", access: ACCESS.m },
  { allow: true, type: "b", access: ACCESS.m },
  { ...characterDevice, major: 1, minor: 3 }, // null
  { ...characterDevice, major: 1, minor: 5 }, // zero
  { ...characterDevice, major: 1, minor: 7 }, // full
  { ...characterDevice, major: 1, minor: 8 }, // random
  { ...characterDevice, major: 1, minor: 9 }, // urandom
  { ...characterDevice, major: 5, minor: 0 }, // tty
  { ...characterDevice, major: 5, minor: 1 }, // console
  { ...characterDevice, major: 5, minor: 2 }, // ptmx
  { ...characterDevice, major: 136 }, // pts/*
];

/**
 * The rules of `linux.resources.devices` and behind them {@link DEFAULT_RULES}. They count in
 * order, the last one that matches a request decides, and what none matches is denied.
 *
 * @throws {ContainerError} InvalidSpec for a rule that makes no sense.
 */
export function deviceRules(rules: readonly DeviceRule[] = []): Rule[] {
  return [...rules.map(parseRule), ...DEFAULT_RULES];
}

function parseRule(rule: DeviceRule): Rule {
  const bad = (why: string) =>
    new ContainerError(`set devices to ${JSON.stringify(rule)}: ${why}`, { code: "InvalidSpec" });
  const type = rule.type ?? "a";
  if (type !== "a" && type !== "b" && type !== "c") throw bad(`the type is none of a, b, c`);
  let access = 0;
  for (const letter of rule.access || "rwm") {
    if (letter !== "r" && letter !== "w" && letter !== "m") throw bad("access is r, w and m");
    access |= ACCESS[letter];
  }
  const parsed: { -readonly [K in keyof Rule]: Rule[K] } = { allow: rule.allow, type, access };
  // -1 is how the engines write "all".
  if (rule.major !== undefined && rule.major !== -1) parsed.major = rule.major;
  if (rule.minor !== undefined && rule.minor !== -1) parsed.minor = rule.minor;
  for (const number of [parsed.major, parsed.minor]) {
    if (number !== undefined && !(Number.isInteger(number) && number >= 0 && number < 2 ** 31)) {
      throw bad("a device number is a small whole number");
    }
  }
  return parsed;
}

/** A rule as the files of cgroup v1 have it: `c 1:3 rwm`. */
export function ruleText({ type, major, minor, access }: Omit<Rule, "allow">): string {
  const letters = (["r", "w", "m"] as const).filter((letter) => access & ACCESS[letter]).join("");
  return `${type} ${major ?? "*"}:${minor ?? "*"} ${letters}`;
}

/** Whether a rule speaks of every device and every access. */
export function isCatchAll({ type, major, minor, access }: Rule): boolean {
  return type === "a" && major === undefined && minor === undefined && access === ANY_ACCESS;
}
