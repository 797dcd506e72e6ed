import { assertEquals, assertMatch } from "@std/assert";
import { compare, describeComparison } from "../../bench/comparison.ts";
import type { Contender } from "../../bench/contender.ts";
import type { Result } from "../../bench/rounds.ts";

function result(
  name: string,
  role: Contender["role"],
  walls: readonly (number | undefined)[],
): Result {
  const contender: Contender = {
    name,
    role,
    title: `the ${name}`,
    includes: "things",
    command: { argv: [], env: {} },
    every: 1,
  };
  return { contender, runs: walls.map((wall) => wall && { wall, cpu: wall / 2 } || undefined) };
}

const RESULTS = [
  result("gocontainer", "subject", [30, 300, 40]),
  result("runc", "peer", [60, 600, 80]),
  result("hello-world", "floor", [20, 200, 21]),
  result("podman", "peer", [300, undefined, undefined]),
];

Deno.test("compare() puts the fastest first and counts the runs", () => {
  const names = compare(RESULTS).map(({ name, runs }) => `${name} ${runs}`);
  assertEquals(names, ["hello-world 3", "gocontainer 3", "runc 3", "podman 1"]);
});

Deno.test("compare() takes ratios and differences round by round", () => {
  const [floor, own, runc, podman] = compare(RESULTS);
  assertEquals(runc.ratio, 2);
  assertEquals(own.ratio, 1);
  assertEquals(podman.ratio, 10);
  assertEquals(floor.behind, 19);
  assertEquals(floor.cpu, 10.5);
});

Deno.test("compare() has no ratios where gocontainer did not run", () => {
  const [alone] = compare([RESULTS[1]]);
  assertEquals([alone.ratio, alone.behind], [undefined, undefined]);
});

Deno.test("describeComparison() tells how far gocontainer is from the floor", () => {
  const text = describeComparison(compare(RESULTS));
  assertMatch(text, /^the runc +80\.0 +60\.0 +600\.0 +40\.0 +2\.00 +3 +things$/m);
  assertMatch(text, /takes 19\.0 ms more than the hello-world .* 10\.0 ms between/);
});

Deno.test("describeComparison() does without a floor", () => {
  assertEquals(describeComparison(compare(RESULTS.slice(0, 2))).includes("more than"), false);
});
