import { assertEquals, assertThrows } from "@std/assert";
import { chooseMappings, freeRange } from "../../../lib/container/userns.ts";
import { ContainerError } from "../../../lib/errors.ts";

const FIRST = 524_288;
const SIZE = 65_536;

Deno.test("the lowest range that nobody has is taken", () => {
  assertEquals(freeRange([]), FIRST);
  assertEquals(freeRange([{ first: 100_000, size: SIZE }]), FIRST);
  assertEquals(freeRange([{ first: FIRST, size: SIZE }]), FIRST + SIZE);
  // In any order, with gaps too small, and ranges that lie across the borders.
  const taken = [
    { first: FIRST + 3 * SIZE - 1, size: 2 },
    { first: FIRST + SIZE, size: 1 },
    { first: 500_000, size: 30_000 },
  ];
  assertEquals(freeRange(taken), FIRST + 4 * SIZE);
  assertEquals(freeRange([{ first: 0, size: FIRST }]), FIRST);
});

Deno.test("where all is taken it is an error that says what to do", () => {
  assertThrows(() => freeRange([{ first: 0, size: 2 ** 31 }]), ContainerError, "all are taken");
});

Deno.test("the host's ids need no mapping, and one that is given is the one", () => {
  const own = [{ containerID: 0, hostID: 7, size: 1 }];
  assertEquals(chooseMappings("host", []), undefined);
  assertEquals(chooseMappings(own, []), own);
});
