import { assertEquals, assertMatch } from "@std/assert";
import { describeSteps } from "../../bench/step_report.ts";

const RUN = {
  wall: 50,
  steps: [
    { process: 1, label: "make the first process", start: 10, duration: 5 },
    { process: 2, label: `mount ${"x".repeat(80)}`, start: 15, duration: 10 },
    { process: 2, label: "wait until the network is there", start: 25, duration: 1 },
    { process: 1, label: "clean up", start: 29, duration: 1 },
  ],
};

Deno.test("describeSteps() tells start, time, share and whether the end waits for a step", () => {
  const lines = describeSteps([RUN, RUN]).split("\n");
  assertMatch(lines[1], /^ *10\.0 +5\.00 +10 % +\* +make the first process +█+$/);
  assertMatch(lines[2], /^ *15\.0 +10\.00 +20 % +\* +mount x+… +█+$/);
  assertMatch(lines[3], /^ *25\.0 +wait until the network is there +·+$/);
});

Deno.test("describeSteps() adds up to the whole run", () => {
  const [, sums] = describeSteps([RUN]).split("\n\n");
  const numbers = sums.split("\n").slice(1).map((line) => Number.parseFloat(line));
  assertEquals(numbers, [10, 16, 4, 20, 50]);
});
