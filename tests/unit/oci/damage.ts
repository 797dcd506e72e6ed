/** What can be wrong with a configuration, made by chance. */
import type { Random } from "./random.ts";

/** A member or item somewhere in a document. */
interface Spot {
  readonly parent: Record<string | number, unknown>;
  readonly name: string | number;
}

function spotsOf(value: unknown, spots: Spot[] = []): Spot[] {
  if (typeof value !== "object" || value === null) return spots;
  const parent = value as Record<string | number, unknown>;
  const names = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  for (const name of names) {
    spots.push({ parent, name });
    spotsOf(parent[name], spots);
  }
  return spots;
}

const NUMBERS: readonly unknown[] = [
  0,
  -0,
  1,
  -1,
  -2,
  7,
  0.5,
  255,
  1000,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  1e30,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n,
  -(2n ** 63n),
  -(2n ** 63n) - 1n,
  10n ** 300n,
];

const TEXTS: readonly string[] = [
  "",
  "x",
  "/",
  "..",
  "../..",
  "/etc/../x",
  "a\0b",
  "\n",
  "null",
  "0",
  "0-3,7",
  "0-8191",
  "0-9999999999",
  "=",
  "A=",
  "=A",
  "CAP_SYS_ADMIN",
  "RLIMIT_CPU",
  "SCHED_FIFO",
  "SCMP_ACT_NOTIFY",
  "bind",
  "rbind",
  "ridmap",
  "remount",
  "network",
  "1.1.0",
  "é\ud800😀",
  "__proto__",
  "%d%n%s",
  "MB:0=10",
];

const NAMES: readonly string[] = [
  "",
  "__proto__",
  "constructor",
  "type",
  "path",
  "net.core.somaxconn",
  "kernel.core_pattern",
  "memory.max",
  "../memory.max",
  "unknown",
];

function anyValue(random: Random): unknown {
  switch (random.below(8)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
    case 2:
      return random.pick(NUMBERS);
    case 3:
    case 4:
      return random.pick(TEXTS);
    case 5:
      return random.pick([[], {}, [null], [[]], { "": {} }, ["x"], [0]]);
    case 6:
      return nested(random.pick([2, 20, 60, 70, 200]), random.once(2));
  }
  const length = random.pick([100, 5000]);
  return random.pick([
    () => random.pick(["x", "/a", "\0", "é", "0,"]).repeat(length),
    () => Array.from({ length }, () => random.pick(["x", "/x", "A=b", 1])),
    () => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, "v"])),
  ])();
}

function nested(depth: number, inArrays: boolean): unknown {
  let value: unknown = "deep";
  for (; depth > 0; depth--) value = inArrays ? [value] : { a: value };
  return value;
}

/** Takes away, changes, doubles, moves or adds something somewhere in a document. */
export function damage(document: unknown, random: Random): void {
  const spots = spotsOf(document);
  if (spots.length === 0) return;
  const { parent, name } = random.pick(spots);
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(name as number, 1);
      else delete parent[name];
      break;
    case 1:
    case 2:
    case 3:
      set(parent, name, anyValue(random));
      break;
    case 4:
      set(parent, name, changedALittle(parent[name], random));
      break;
    case 5: {
      const other = random.pick(spots);
      set(parent, name, structuredClone(other.parent[other.name]));
      break;
    }
    case 6:
      if (Array.isArray(parent)) parent.push(structuredClone(random.pick(parent)));
      else set(parent, random.pick(NAMES), structuredClone(parent[name]));
      break;
    case 7:
      if (Array.isArray(parent)) parent.reverse();
      else set(parent, random.pick(NAMES), anyValue(random));
  }
}

/** Sets what is really called so, also when it is called `__proto__`. */
function set(parent: object, name: string | number, value: unknown): void {
  Object.defineProperty(parent, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function changedALittle(value: unknown, random: Random): unknown {
  if (typeof value === "number") {
    return random.pick([value + 1, value - 1, -value, value * 1000, value / 3, String(value)]);
  }
  if (typeof value === "bigint") return random.pick([value + 1n, value - 1n, -value, value * 2n]);
  if (typeof value === "boolean") return random.pick([!value, String(value), Number(value)]);
  if (typeof value !== "string") return random.pick([[value], { value }, null]);
  return random.pick([
    value.slice(1),
    value.slice(0, -1),
    value + value,
    value.toLowerCase(),
    ` ${value}`,
    `${value}\n`,
    [value],
  ]);
}

/** Doubles, cuts or changes a piece of the text itself. */
export function damageText(text: string, random: Random): string {
  const at = random.below(text.length);
  switch (random.below(4)) {
    case 0: {
      // A member is written twice: the parser sees what an object never could.
      const members = [...text.matchAll(/"[A-Za-z]+":(?:"[^"\\]*"|\d+|true|false)/g)];
      if (members.length === 0) return text;
      const { 0: member, index } = random.pick(members);
      return `${text.slice(0, index)}${member},${text.slice(index)}`;
    }
    case 1:
      return text.slice(0, at);
    case 2:
      return text.slice(0, at) + random.pick([...'{}[],:"\\0-. \0']) + text.slice(at + 1);
  }
  return text.slice(0, at) + text.slice(at + 1 + random.below(5));
}
