import { assertEquals, assertThrows } from "@std/assert";
import { formatAge } from "../../../lib/cli/format/age.ts";
import { rfc3339 } from "../../../lib/cli/format/time.ts";
import { parseAge } from "../../../lib/cli/quantity.ts";
import { UsageError } from "../../../lib/errors.ts";

const DAY = 86_400_000;

Deno.test("ages as people say them", () => {
  const cases: readonly (readonly [age: number, text: string])[] = [
    [0, "just now"],
    [1999, "just now"],
    [2000, "2 seconds ago"],
    [119_999, "119 seconds ago"],
    [120_000, "2 minutes ago"],
    [3 * 3_600_000, "3 hours ago"],
    [2 * DAY, "2 days ago"],
    [13 * DAY, "13 days ago"],
    [14 * DAY, "2 weeks ago"],
    [61 * DAY, "2 months ago"],
    [800 * DAY, "2 years ago"],
    [-30_000, "just now"],
    [-DAY, "in the future"],
  ];
  for (const [age, text] of cases) assertEquals(formatAge(1e12 - age, 1e12), text, `${age}`);
});

Deno.test("spans of time are read", () => {
  const cases: Record<string, number> = {
    "90s": 90_000,
    "1m": 60_000,
    "1.5h": 5_400_000,
    "10d": 10 * DAY,
    "2w": 14 * DAY,
    "1d12h30m": 1.5 * DAY + 1_800_000,
    "0s": 0,
  };
  for (const [text, ms] of Object.entries(cases)) assertEquals(parseAge(text, "-until"), ms, text);
  for (const text of ["", "10", "d", "-1d", "1y", "1d 2h", "1d,2h", "1e3s", "١d"]) {
    const error = assertThrows(() => parseAge(text, "-until"), UsageError);
    assertEquals(error.message, `read "-until ${text}": not a span of time`);
  }
});

Deno.test("times are told as RFC 3339 has them, those that are none as null", () => {
  assertEquals(rfc3339(0), "1970-01-01T00:00:00.000Z");
  assertEquals(rfc3339("2020-01-02T03:04:05.123456789+02:00"), "2020-01-02T01:04:05.123Z");
  const none = [undefined, "", "yesterday", NaN, 1e20, "0001-01-01T00:00:00Z"];
  for (const time of none) assertEquals(rfc3339(time), null);
});
