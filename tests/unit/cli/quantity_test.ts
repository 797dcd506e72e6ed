import { assertEquals, assertThrows } from "@std/assert";
import {
  parseBytes,
  parseDecimal,
  parseDuration,
  parseMemory,
  parseWhole,
} from "../../../lib/cli/quantity.ts";
import { UsageError } from "../../../lib/errors.ts";

const MIB = 1024 * 1024;

for (
  const [text, bytes] of [
    ["1", 1],
    ["1000", 1000],
    ["64b", 64],
    ["500M", 500 * MIB],
    ["500m", 500 * MIB],
    ["500MB", 500 * MIB],
    ["500MiB", 500 * MIB],
    ["1.5G", 1536 * MIB],
    ["2T", 2 * 2 ** 40],
    ["8k", 8192],
  ] as const
) {
  Deno.test(`-mem ${text} is ${bytes} bytes`, () => assertEquals(parseBytes(text, "-mem"), bytes));
}

for (const text of ["", "0", "-1", "M", "5X", "1e3", "0x10", "9999999T", "1,5G", "5 0M", "½"]) {
  Deno.test(`-mem ${JSON.stringify(text)} is refused`, () => {
    assertThrows(() => parseBytes(text, "-mem"), UsageError, "-mem");
  });
}

Deno.test("limits of memory are exact, and may be none", () => {
  const cases: Record<string, number | bigint> = {
    "-1": -1,
    "0": 0,
    "100M": 100 * MIB,
    "1.5gib": 1536 * MIB,
    ".5k": 512,
    "64 MB": 64 * MIB,
    "1p": 2 ** 50,
    "9007199254740993": 9007199254740993n,
    "9223372036854775807": 9223372036854775807n,
  };
  for (const [text, bytes] of Object.entries(cases)) {
    assertEquals(parseMemory(text, "--memory"), bytes, text);
  }
  for (const text of ["", ".", "k", "-2", "-1M", "1e3", "much", "1bk", "1 0"]) {
    assertThrows(() => parseMemory(text, "--memory"), UsageError, "not a size");
  }
});

Deno.test("whole numbers keep their range", () => {
  assertEquals(parseWhole("2", "-cpu", 2, 262144), 2);
  for (const text of ["1", "262145", "2.5", "", "-3", "1e5", "99999999999999999999"]) {
    assertThrows(() => parseWhole(text, "-cpu", 2, 262144), UsageError, "from 2 to 262144");
  }
});

Deno.test("decimal numbers keep their range", () => {
  const cases: Record<string, number> = { "1.5": 1.5, ".5": 0.5, "2.": 2 };
  for (const [text, number] of Object.entries(cases)) {
    assertEquals(parseDecimal(text, "-cpus", 0.01, 8192), number, text);
  }
  for (const text of ["0", "0.001", "9000", "", ".", "1.5.", "NaN", "Infinity"]) {
    assertThrows(() => parseDecimal(text, "-cpus", 0.01, 8192), UsageError, "-cpus");
  }
});

Deno.test("durations are read as Go reads them", () => {
  const cases: Record<string, number> = {
    "5s": 5000,
    ".5s": 500,
    "1.s": 1000,
    "500us": 0.5,
    "500µs": 0.5,
    "2000000ns": 2,
    "1m30s": 90_000,
    "1h1m1s1ms": 3_661_001,
  };
  for (const [text, ms] of Object.entries(cases)) {
    assertEquals(parseDuration(text, "--interval"), ms, text);
  }
  for (const text of ["", "5", "0s", "-1s", ".s", "1 s", "1d", "1m 30s", "soon", "9999999999h"]) {
    assertThrows(() => parseDuration(text, "--interval"), UsageError, "not a duration");
  }
});
