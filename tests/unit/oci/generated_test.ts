/**
 * Generated configurations, the same ones in every run: valid ones in which something is missing, of
 * another type, out of range, huge, deeply nested, doubled, or put where it does not belong.
 */
import { assert, assertEquals } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { parseJSON, stringifyJSON } from "../../../lib/json.ts";
import { validateSpec } from "../../../lib/oci/validate/mod.ts";
import { fullSpec, smallSpec } from "./full_spec.ts";
import { Random } from "./random.ts";
import { misfits } from "./structure.ts";

const SEED = 1_003_000;
const COUNT = 12_000;

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

function damage(document: unknown, random: Random): void {
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
function damageText(text: string, random: Random): string {
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

/** What an error of the parser says: where in the text, or which member. */
const UNREADABLE =
  /^config\.json: (line \d+, column \d+: expected |.*: (the name stands twice|nested deeper than|a number of more))/s;

/** What an error of the validator names: a member that config.json has at the top, or one below it. */
const REFUSED =
  /^config\.json: (ociVersion|root|mounts|process|hostname|domainname|hooks|annotations|linux)\b.*: ./s;

Deno.test(`${COUNT} generated configurations are taken or refused, and never let a wrong type through`, () => {
  const random = new Random(SEED);
  const seen = { taken: 0, refused: 0, unreadable: 0 };
  for (let i = 0; i < COUNT; i++) {
    const document: unknown = random.once(4) ? smallSpec() : fullSpec();
    for (let n = 1 + random.below(3); n > 0; n--) damage(document, random);
    let text = stringifyJSON(document);
    if (random.once(6)) text = damageText(text, random);
    let isRead = false;
    try {
      const value = parseJSON(text, { what: "config.json" });
      isRead = true;
      const { spec } = validateSpec(value);
      assertEquals(misfits(spec), [], `configuration ${i}: ${text}`);
      assert(!hasKnownNull(spec), `configuration ${i}: ${text}`);
      seen.taken++;
    } catch (error) {
      assert(error instanceof ContainerError, `configuration ${i}: ${error}\n${text}`);
      assertEquals(error.code, "InvalidSpec");
      const form = isRead ? REFUSED : UNREADABLE;
      assert(form.test(error.message), `configuration ${i}: ${error.message}`);
      assert(error.message.length < 2000, `configuration ${i}: ${error.message.length} characters`);
      seen[isRead ? "refused" : "unreadable"]++;
    }
  }
  // The test would be worth nothing if nearly all of them fared alike.
  for (const [fate, count] of Object.entries(seen)) {
    assert(count > COUNT / 20, `only ${count} were ${fate}: ${JSON.stringify(seen)}`);
  }
});

/** Whether one of the members that are known is null: those should be gone. */
function hasKnownNull(spec: object): boolean {
  return ["root", "mounts", "process", "hooks", "annotations", "linux", "hostname"]
    .some((name) => (spec as Record<string, unknown>)[name] === null);
}

Deno.test("what is no object at all is refused", () => {
  for (const value of [null, true, 0, "x", [], [{}], 5n]) {
    try {
      validateSpec(value);
      throw new Error(`${value} was taken`);
    } catch (error) {
      assert(error instanceof ContainerError, `${error}`);
      assert(error.message.startsWith("config.json: expected an object, got "), error.message);
    }
  }
});

Deno.test("huge lists are judged in a short time", () => {
  const length = 50_000;
  const times = (item: unknown) => Array.from({ length }, () => structuredClone(item));
  const cases: [name: string, value: unknown][] = [
    ["devices", times({ type: "c", path: "/dev/a", major: 1, minor: 3 })],
    ["namespaces", times({ type: "pid" })],
    ["uidMappings", times({ containerID: 0, hostID: 0, size: 1 })],
    ["memoryPolicy", { mode: "MPOL_BIND", nodes: "0-8191,".repeat(length) + "0" }],
    ["resources", { cpu: { cpus: "0-8191,".repeat(9000) + "0" } }],
    ["resources", { devices: times({ allow: true, access: "rwm" }) }],
    ["resources", { devices: [{ allow: true, access: allLetters() }] }],
    ["maskedPaths", times("/proc/kcore")],
    ["seccomp", {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: times({ names: ["x"], action: "SCMP_ACT_LOG" }),
    }],
  ];
  for (const [name, value] of cases) {
    const spec = { ...smallSpec(), linux: { ...smallSpec().linux, [name]: value } };
    const start = performance.now();
    try {
      validateSpec(spec);
    } catch (error) {
      assert(error instanceof ContainerError, `${error}`);
    }
    const time = performance.now() - start;
    assert(time < 5000, `${name} took ${time} ms`);
  }
});

function allLetters(): string {
  return Array.from({ length: 60_000 }, (_, i) => String.fromCharCode(i)).join("");
}
