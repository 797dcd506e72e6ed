import { assertEquals } from "@std/assert";
import { ioWeightOfBlkioWeight, weightOfShares } from "../../../lib/cgroup/weight.ts";

Deno.test("CPU shares become weights: both ends and the default meet", () => {
  const table: [shares: number, weight: number][] = [
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 2],
    [10, 4],
    [512, 59],
    [1023, 100],
    [1024, 100],
    [1025, 101],
    [2048, 174],
    [262144, 10000],
    [1000000, 10000],
  ];
  for (const [shares, weight] of table) assertEquals(weightOfShares(shares), weight, `${shares}`);
});

Deno.test("CPU shares become weights: more shares never weigh less", () => {
  let last = 0;
  for (let shares = 2; shares <= 262144; shares += 7) {
    const weight = weightOfShares(shares);
    if (weight < last || weight < 1 || weight > 10000) throw new Error(`${shares}: ${weight}`);
    last = weight;
  }
});

Deno.test("block I/O weights of v1 become io.weight", () => {
  assertEquals([10, 100, 500, 1000].map(ioWeightOfBlkioWeight), [1, 910, 4950, 10000]);
});
