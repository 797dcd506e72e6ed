import { assertEquals, assertThrows } from "@std/assert";
import { type DeviceRule } from "../../../lib/oci/spec.ts";
import { deviceRules, type Rule } from "../../../lib/cgroup/devices.ts";
import { deviceSettings } from "../../../lib/cgroup/v1/devices.ts";
import { compileDeviceFilter } from "../../../lib/cgroup/v2/device_filter.ts";
import { ContainerError } from "../../../lib/errors.ts";
import { interpret, type Request, unreachable } from "./ebpf.ts";

/** What the rules mean, said without any program: each access bit goes to its last matching rule. */
function meaning(rules: readonly Rule[], request: Request): boolean {
  const bits = { m: 1, r: 2, w: 4 } as Record<string, number>;
  return [...request.access].every((letter) =>
    rules.findLast((rule) =>
      (rule.type === "a" || rule.type === request.type) &&
      (rule.major === undefined || rule.major === request.major) &&
      (rule.minor === undefined || rule.minor === request.minor) &&
      (rule.access & bits[letter]!) !== 0
    )?.allow ?? false
  );
}

const ask = (text: string): Request => {
  const [type, numbers, access] = text.split(" ");
  const [major, minor] = numbers!.split(":").map(Number);
  return { type: type as "b" | "c", major: major!, minor: minor!, access: access! };
};

Deno.test("device filter: with no rules only the default nodes, and mknod of any", () => {
  const program = compileDeviceFilter(deviceRules());
  const allowed = ["c 1:3 rwm", "c 1:5 rw", "c 1:7 w", "c 1:8 r", "c 1:9 r", "c 5:0 rw", "c 5:1 w"];
  allowed.push("c 5:2 rw", "c 136:0 rw", "c 136:7 r", "b 8:0 m", "c 10:229 m");
  for (const text of allowed) assertEquals(interpret(program, ask(text)), 1n, text);
  const denied = ["b 8:0 r", "b 8:0 rm", "c 1:1 r", "c 1:2 rw", "c 10:229 rw", "c 4:0 r"];
  denied.push("b 1:3 r", "c 137:0 r", "b 254:0 w");
  for (const text of denied) assertEquals(interpret(program, ask(text)), 0n, text);
  assertEquals(unreachable(program), []);
});

Deno.test("device filter: the last matching rule decides", () => {
  const program = compileDeviceFilter(deviceRules([
    { allow: true },
    { allow: false, type: "b", major: 8 },
    { allow: true, type: "b", major: 8, minor: 1, access: "r" },
  ]));
  const table: [string, bigint][] = [
    ["c 10:200 rwm", 1n],
    ["b 9:0 rw", 1n],
    ["b 8:0 r", 0n],
    ["b 8:1 r", 1n],
    ["b 8:1 rw", 0n],
    ["b 8:1 w", 0n],
  ];
  for (const [text, result] of table) assertEquals(interpret(program, ask(text)), result, text);
});

Deno.test("device filter: rights that two rules give add up, a partial denial takes only its part", () => {
  const program = compileDeviceFilter(deviceRules([
    { allow: true, type: "c", major: 10, minor: 1, access: "r" },
    { allow: true, type: "c", major: 10, access: "w" },
    { allow: false, type: "c", major: 10, minor: 2, access: "w" },
    { allow: true, type: "c", major: 10, minor: 2, access: "r" },
  ]));
  const table: [string, bigint][] = [["c 10:1 rw", 1n], ["c 10:3 rw", 0n], ["c 10:3 w", 1n]];
  table.push(["c 10:2 w", 0n], ["c 10:2 rw", 0n], ["c 10:2 rm", 1n]);
  for (const [text, result] of table) assertEquals(interpret(program, ask(text)), result, text);
});

Deno.test("device filter: programs of random rules do what the rules mean", () => {
  let state = 7;
  const random = (n: number) => (state = (state * 48271) % 2147483647) % n;
  const accesses = ["r", "w", "m", "rw", "rm", "wm", "rwm"];
  for (let round = 0; round < 300; round++) {
    const rules: DeviceRule[] = Array.from({ length: random(8) }, () => ({
      allow: random(2) === 0,
      type: (["a", "b", "c"] as const)[random(3)]!,
      ...(random(2) ? { major: random(3) } : {}),
      ...(random(2) ? { minor: random(3) } : {}),
      access: accesses[random(7)]!,
    }));
    const parsed = deviceRules(rules);
    const program = compileDeviceFilter(parsed);
    assertEquals(unreachable(program), [], JSON.stringify(rules));
    for (const type of ["b", "c"] as const) {
      for (let number = 0; number < 16; number++) {
        for (const access of accesses) {
          const request = { type, major: number >> 2, minor: number & 3, access };
          assertEquals(
            interpret(program, request),
            meaning(parsed, request) ? 1n : 0n,
            `${JSON.stringify(rules)} ${JSON.stringify(request)}`,
          );
        }
      }
    }
  }
});

Deno.test("device rules: what makes no sense is refused", () => {
  const bad = [
    { allow: true, type: "p" },
    { allow: true, access: "x" },
    { allow: true, type: "c", major: -2 },
    { allow: true, type: "c", minor: 1.5 },
  ] as DeviceRule[];
  for (const rule of bad) {
    const error = assertThrows(() => deviceRules([rule]), ContainerError);
    assertEquals(error.code, "InvalidSpec");
  }
});

/** What would be written, as `allow`/`deny` and value. */
const written = (rules: DeviceRule[]) =>
  deviceSettings(rules).map(({ file, value }) =>
    `${String(file).slice("devices.".length)} ${value}`
  );

const DEFAULTS = [
  "allow c *:* m",
  "allow b *:* m",
  "allow c 1:3 rwm",
  "allow c 1:5 rwm",
  "allow c 1:7 rwm",
  "allow c 1:8 rwm",
  "allow c 1:9 rwm",
  "allow c 5:0 rwm",
  "allow c 5:1 rwm",
  "allow c 5:2 rwm",
  "allow c 136:* rwm",
];

Deno.test("device rules for v1: everything is denied, then the exceptions follow", () => {
  assertEquals(written([]), ["deny a", ...DEFAULTS]);
  assertEquals(written([{ allow: false, access: "rwm" }]), ["deny a", ...DEFAULTS]);
});

Deno.test("device rules for v1: rights for the same node are one exception", () => {
  const rules = [
    { allow: true, type: "c", major: 10, minor: 200, access: "r" },
    { allow: true, type: "c", major: 10, minor: 200, access: "w" },
  ] as DeviceRule[];
  assertEquals(written(rules), ["deny a", "allow c 10:200 rw", ...DEFAULTS]);
});

Deno.test("device rules for v1: an exception is taken back by its own numbers", () => {
  const node = { type: "c", major: 10, minor: 200 } as const;
  const rules = [{ allow: true, ...node }, { allow: false, ...node, access: "wm" }];
  assertEquals(written(rules), ["deny a", "allow c 10:200 r", ...DEFAULTS]);
});

Deno.test("device rules for v1: everything may be allowed, with exceptions", () => {
  assertEquals(written([{ allow: true }]), ["allow a"]);
  // The default that any node may be made comes last and wins.
  const rules: DeviceRule[] = [{ allow: true }, { allow: false, type: "b", major: 8 }];
  assertEquals(written(rules), ["allow a", "deny b 8:* rw"]);
});

Deno.test("device rules for v1: a denial of a part of a wider rule is refused, not ignored", () => {
  const error = assertThrows(() =>
    written([
      { allow: true, type: "c", major: 10 },
      { allow: false, type: "c", major: 10, minor: 200 },
    ]), ContainerError);
  assertEquals(error.code, "Unsupported");
});

Deno.test("device rules for v1: `a` with numbers or few rights is written for b and c", () => {
  assertEquals(written([{ allow: true, major: 7, access: "r" }]).slice(0, 3), [
    "deny a",
    "allow b 7:* r",
    "allow c 7:* r",
  ]);
});

Deno.test("device rules for v1: what can be written means the same as in v2", () => {
  let state = 11;
  const random = (n: number) => (state = (state * 48271) % 2147483647) % n;
  let compared = 0;
  for (let round = 0; round < 400; round++) {
    const rules: DeviceRule[] = Array.from({ length: random(6) }, () => ({
      allow: random(2) === 0,
      type: (["a", "b", "c"] as const)[random(3)]!,
      ...(random(2) ? { major: random(3) } : {}),
      ...(random(2) ? { minor: random(3) } : {}),
      access: ["r", "rw", "rwm"][random(3)]!,
    }));
    let lines;
    try {
      lines = written(rules);
    } catch (error) {
      if (error instanceof ContainerError && error.code === "Unsupported") continue;
      throw error;
    }
    compared++;
    const kernel: Rule[] = deviceRules(rules);
    for (const type of ["b", "c"] as const) {
      for (let number = 0; number < 16; number++) {
        for (const access of ["r", "w", "m"]) {
          const request = { type, major: number >> 2, minor: number & 3, access };
          assertEquals(heldByKernel(lines, request), meaning(kernel, request), lines.join("; "));
        }
      }
    }
  }
  assertEquals(compared > 200, true, `only ${compared} of 400 could be written`);
});

/** What the v1 controller answers for one access bit after these lines, devices.rst. */
function heldByKernel(lines: readonly string[], request: Request): boolean {
  const [first, ...exceptions] = lines;
  const byDefault = first === "allow a";
  return exceptions.some((line) => {
    const [, type, numbers, access] = line.split(" ");
    const [major, minor] = numbers!.split(":");
    return type === request.type && access!.includes(request.access) &&
      (major === "*" || Number(major) === request.major) &&
      (minor === "*" || Number(minor) === request.minor);
  }) !== byDefault;
}
