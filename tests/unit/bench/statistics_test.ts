import { assertEquals, assertThrows } from "@std/assert";
import { median, pairedMedian, summarize, valuesOf } from "../../bench/statistics.ts";

Deno.test("median() is the middle value, or the mean of the two middle ones", () => {
  assertEquals(median([10, 9, 100]), 10);
  assertEquals(median([4, 1, 2, 3]), 2.5);
  assertEquals(median([7]), 7);
});

Deno.test("median() leaves the values in their order", () => {
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2]);
});

Deno.test("median() of nothing is an error", () => {
  assertThrows(() => median([]), RangeError);
});

Deno.test("summarize() finds median and extremes", () => {
  assertEquals(summarize([5, 1, 30]), { median: 5, min: 1, max: 30 });
});

Deno.test("pairedMedian() compares within each round, not across", () => {
  // The second round was slow for both.
  assertEquals(pairedMedian([10, 100, 10], [5, 50, 5], (a, b) => a / b), 2);
  assertEquals(pairedMedian([1, 2, 30], [1, 1, 1], (a, b) => a - b), 1);
});

Deno.test("pairedMedian() leaves out rounds that one sat out", () => {
  const all = [1, 2, 3, 4];
  const some = [undefined, 10, undefined, 30];
  assertEquals(pairedMedian(all, some, (a, b) => b - a), 17);
  assertEquals(pairedMedian(all, [undefined, undefined], (a, b) => a + b), undefined);
  assertEquals(valuesOf(some), [10, 30]);
});
