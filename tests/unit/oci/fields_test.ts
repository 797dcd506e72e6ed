/** Every field of config.json in turn: missing, null, of a wrong type, out of range. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { memberPath } from "../../../lib/json.ts";
import type { Spec } from "../../../lib/oci/spec.ts";
import { validateSpec } from "../../../lib/oci/validate/mod.ts";
import { fullSpec, smallSpec } from "./full_spec.ts";
import { FIELDS, find, fits, type Found, misfits } from "./structure.ts";

/** Changes one place of a full configuration and tells what the validator says. */
function refusalOf(change: (spec: Spec) => Found): { message: string; path: string } {
  const spec = fullSpec();
  const { names } = change(spec);
  const error = assertThrows(() => validateSpec(spec), ContainerError);
  assertEquals(error.code, "InvalidSpec");
  return { message: error.message, path: memberPath(names) };
}

/** Puts a value at the nth place of a field. */
function put(spec: Spec, pattern: string, n: number, value: unknown): Found {
  const place = find(spec, pattern)[n]!;
  place.parent[place.name] = value;
  return place;
}

function show(value: unknown): string {
  return JSON.stringify(
    value,
    (_name, member) => typeof member === "bigint" ? `${member}n` : member,
  ) ?? "undefined";
}

Deno.test("the full configuration has every field, and is valid", () => {
  for (const { pattern } of FIELDS) {
    const isThere = find(fullSpec(), pattern).some(({ value }) => value !== undefined);
    assert(isThere, `no ${pattern} in the full configuration`);
  }
  assertEquals(misfits(fullSpec()), []);
  assertEquals(validateSpec(fullSpec()), { spec: fullSpec(), warnings: [] });
  assertEquals(validateSpec(smallSpec()), { spec: smallSpec(), warnings: [] });
});

Deno.test("every field refuses every value of a wrong type, named exactly", () => {
  let count = 0;
  const values = [
    true,
    7,
    -7,
    0.5,
    -0.5,
    1e300,
    NaN,
    Infinity,
    5n,
    2n ** 70n,
    "x",
    "7",
    [],
    [[]],
    ["x"],
    {},
    { a: {} },
  ];
  for (const field of FIELDS) {
    for (const [n] of find(fullSpec(), field.pattern).entries()) {
      for (const value of values) {
        if (fits(field, value)) continue;
        // What is left unset in one entry (a path of a namespace) is there in another.
        const { message, path } = refusalOf((spec) => put(spec, field.pattern, n, value));
        assert(
          message.startsWith(`config.json: ${path}: expected `),
          `${path} = ${show(value)}: ${message}`,
        );
        count++;
      }
    }
  }
  assert(count > 3000, `only ${count} tried`);
});

Deno.test("every number refuses what lies beyond its bounds, and no bound is refused for its size", () => {
  for (const field of FIELDS.filter(({ type }) => type === "integer")) {
    const exact = (value: bigint) => Number.isSafeInteger(Number(value)) ? Number(value) : value;
    for (const value of [field.min - 1n, field.max + 1n]) {
      // Docker's way to say that swappiness is not set.
      if (value === 2n ** 64n - 1n) continue;
      const { message, path } = refusalOf((spec) => put(spec, field.pattern, 0, exact(value)));
      assert(
        message.startsWith(`config.json: ${path}: expected `),
        `${path} = ${value}: ${message}`,
      );
    }
    for (const value of [field.min, field.max]) {
      const spec = fullSpec();
      const { names } = put(spec, field.pattern, 0, exact(value));
      try {
        validateSpec(spec);
      } catch (error) {
        // Relations to other fields may stand against it, its own bounds may not.
        assert(error instanceof ContainerError);
        assert(
          !/ from -?\d+ to \d+, got/.test(error.message),
          `${memberPath(names)}: ${error.message}`,
        );
      }
    }
  }
});

Deno.test("every required field is refused when it is missing or null, named exactly", () => {
  for (const field of FIELDS.filter(({ isRequired }) => isRequired)) {
    for (const value of [undefined, null]) {
      for (const [n] of find(fullSpec(), field.pattern).entries()) {
        const { message, path } = refusalOf((spec) => put(spec, field.pattern, n, value));
        assertEquals(message, `config.json: ${path}: required but missing`);
      }
    }
  }
});

Deno.test("every other field that is null is as good as missing", () => {
  const outcome = (spec: Spec) => {
    try {
      return show(validateSpec(spec));
    } catch (error) {
      assert(error instanceof ContainerError);
      return error.message;
    }
  };
  for (const field of FIELDS) {
    if (field.isRequired || field.pattern.endsWith("[]")) continue;
    for (const [n] of find(fullSpec(), field.pattern).entries()) {
      const withNull = fullSpec();
      put(withNull, field.pattern, n, null);
      const without = fullSpec();
      const { parent, name } = find(without, field.pattern)[n]!;
      delete parent[name];
      assertEquals(outcome(withNull), outcome(without), field.pattern);
      assert(!JSON.stringify(outcome(withNull)).includes("null"), field.pattern);
    }
  }
});

Deno.test("null among the items of an array is a wrong type", () => {
  for (const { pattern } of FIELDS.filter(({ pattern }) => pattern.endsWith("[]"))) {
    const { message, path } = refusalOf((spec) => put(spec, pattern, 0, null));
    assert(message.startsWith(`config.json: ${path}: expected `), message);
    assert(message.endsWith(", got null"), message);
  }
});

Deno.test("every text that reaches the kernel refuses a NUL character", () => {
  const free = /^annotations|listenerMetadata$|capabilities|^ociVersion$/;
  for (
    const { pattern } of FIELDS.filter(({ type, pattern }) =>
      type === "string" && !free.test(pattern)
    )
  ) {
    const { message, path } = refusalOf((spec) => {
      const place = find(spec, pattern).find(({ value }) => value !== undefined)!;
      place.parent[place.name] = `${place.value}\0`;
      return place;
    });
    assert(message.startsWith(`config.json: ${path}: expected `), message);
  }
});

Deno.test("unknown members are nobody's business, wherever they are", () => {
  for (const { pattern } of FIELDS.filter(({ type }) => type === "object")) {
    if (/annotations|sysctl|rdma$|unified|timeOffsets$|netDevices$/.test(pattern)) continue;
    const spec = fullSpec();
    for (const { value } of find(spec, pattern)) {
      Object.assign(value as object, { "org.example.unknown": { deep: [null, 1e300] }, x: null });
    }
    assertEquals(validateSpec(spec).warnings, []);
  }
  const spec = Object.assign(fullSpec(), { windows: 5, vm: null, unknown: "\0" });
  validateSpec(spec);
});
