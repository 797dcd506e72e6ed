import { assertEquals } from "@std/assert";
import { criticalPath } from "../../bench/critical_path.ts";
import { summarizeSteps } from "../../bench/steps.ts";
import type { TimedStep } from "../../bench/timeline.ts";

const PARENT = 1;
const CHILD = 2;

function step(process: number, label: string, start: number, end: number): TimedStep {
  return { process, label, start, duration: end - start };
}

function labelsOf(steps: Iterable<TimedStep>): string[] {
  return [...steps].toSorted((a, b) => a.start - b.start).map(({ label }) => label);
}

/** A fork: the child builds its root until `built` and waits for the parent's network, done at `wired`. */
function fork(built: number, wired: number): TimedStep[] {
  const go = Math.max(built, wired) + 0.1;
  return [
    step(PARENT, "prepare", 0, 2),
    step(PARENT, "network", 2.1, wired),
    step(CHILD, "root", 2.1, built),
    step(CHILD, "wait until the network is there", built, go),
    step(CHILD, "exec", go, go + 1),
    step(PARENT, "clean up", go + 2, go + 3),
  ];
}

Deno.test("criticalPath() goes through the parent when the child waits for it", () => {
  const path = criticalPath(fork(4, 9));
  assertEquals(labelsOf(path), ["prepare", "network", "exec", "clean up"]);
});

Deno.test("criticalPath() goes through the child when the parent is done before it", () => {
  const path = criticalPath(fork(9, 4));
  assertEquals(labelsOf(path), ["prepare", "root", "exec", "clean up"]);
});

Deno.test("criticalPath() takes the outer of two steps, one within the other", () => {
  const steps = [step(PARENT, "outer", 0, 5), step(PARENT, "inner", 1, 2)];
  assertEquals(labelsOf(criticalPath(steps)), ["outer"]);
});

Deno.test("criticalPath() of nothing is empty", () => {
  assertEquals(criticalPath([]).size, 0);
});

Deno.test("summarizeSteps() has medians of start and duration", () => {
  const runs = [
    [step(PARENT, "a", 1, 2)],
    [step(PARENT, "a", 2, 5)],
    [step(PARENT, "a", 9, 11)],
  ];
  assertEquals(summarizeSteps(runs), [
    { process: PARENT, label: "a", start: 2, duration: 2, critical: true },
  ]);
});

Deno.test("summarizeSteps() keeps steps of one label apart, by order and by process", () => {
  const run = [step(PARENT, "bind", 0, 1), step(PARENT, "bind", 1, 3), step(CHILD, "bind", 4, 5)];
  const steps = summarizeSteps([run, run]);
  assertEquals(steps.map(({ process, start }) => [process, start]), [[1, 0], [1, 1], [2, 4]]);
});

Deno.test("summarizeSteps() leaves out what not all runs have done", () => {
  const always = step(PARENT, "always", 0, 1);
  const steps = summarizeSteps([[always, step(PARENT, "once", 1, 2)], [always]]);
  assertEquals(labelsOf(steps), ["always"]);
});

Deno.test("summarizeSteps() calls critical what was on the way in most runs", () => {
  const steps = summarizeSteps([fork(4, 9), fork(4, 9), fork(9, 4)]);
  assertEquals(labelsOf(steps.filter(({ critical }) => critical)), [
    "prepare",
    "network",
    "exec",
    "clean up",
  ]);
});
