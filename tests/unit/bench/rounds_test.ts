import { assertEquals } from "@std/assert";
import { orderOfRound, takesPart } from "../../bench/rounds.ts";

const NAMES = ["a", "b", "c", "d"];

Deno.test("orderOfRound() has everybody once in each round", () => {
  for (let round = 0; round < 20; round++) {
    assertEquals(orderOfRound(NAMES, round).sort(), NAMES);
  }
});

Deno.test("orderOfRound() puts everybody in every place equally often", () => {
  const rounds = 2 * NAMES.length;
  for (let place = 0; place < NAMES.length; place++) {
    const there = Array.from({ length: rounds }, (_, round) => orderOfRound(NAMES, round)[place]);
    for (const name of NAMES) assertEquals(there.filter((one) => one === name).length, 2);
  }
});

Deno.test("orderOfRound() does not let one always follow the same other", () => {
  const before = new Set<string>();
  for (let round = 0; round < 2 * NAMES.length; round++) {
    const order = orderOfRound(NAMES, round);
    const place = order.indexOf("b");
    if (place > 0) before.add(order[place - 1]);
  }
  assertEquals([...before].sort(), ["a", "c"]);
});

Deno.test("orderOfRound() of nobody is empty", () => {
  assertEquals(orderOfRound([], 3), []);
});

Deno.test("takesPart() lets the slow sit rounds out, but not the first", () => {
  const rounds = [0, 1, 2, 3, 4, 5, 6].filter((round) => takesPart(3, round));
  assertEquals(rounds, [0, 3, 6]);
  assertEquals([0, 1, 2].every((round) => takesPart(1, round)), true);
});
