import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { ExchangeFault } from "../../../lib/registry/http/fault.ts";
import { Fields } from "../../../lib/registry/http/head.ts";
import { mayPass, retryAfter, Tries } from "../../../lib/registry/retry.ts";

const HOW = { tries: 3, first: 10, longest: 15, longestAsked: 1000 };

Deno.test("how long an answer asks to be left alone", () => {
  const asked = (value: string) =>
    retryAfter(
      { fields: new Fields([["Retry-After", value]]) },
      Date.parse("2026-01-01T00:00:00Z"),
    );
  assertEquals(asked("5"), 5000);
  assertEquals(asked("0"), 0);
  assertEquals(asked("Thu, 01 Jan 2026 00:00:07 GMT"), 7000);
  assertEquals(asked("Thu, 01 Jan 2015 00:00:00 GMT"), 0);
  for (const nothing of ["soon", "-5", "1.5.2", ""]) {
    assertEquals(asked(nothing), undefined, nothing);
  }
  assertEquals(retryAfter({ fields: new Fields() }), undefined);
});

Deno.test("tries are counted, and begin anew when something went forward", () => {
  const tries = new Tries(HOW, new AbortController().signal);
  assertEquals([tries.fail(), tries.fail(), tries.fail()], [true, true, false]);
  tries.succeed();
  assertEquals([tries.fail(2), tries.fail(2)], [true, false]);
});

Deno.test("between tries is a pause that grows, has a random part, and an end", async () => {
  const tries = new Tries({ ...HOW, tries: 10, longest: 40 }, new AbortController().signal);
  const waited: number[] = [];
  for (let i = 0; i < 4; i++) {
    tries.fail();
    const start = performance.now();
    await tries.pause();
    waited.push(performance.now() - start);
  }
  for (const [i, least] of [5, 10, 20, 20].entries()) {
    assert(waited[i]! >= least - 1.5, `${waited}`);
  }
  const start = performance.now();
  await tries.pause(60);
  assert(performance.now() - start >= 58);
  await assertRejects(() => tries.pause(1001), ContainerError, "wants 2 s of rest");
});

Deno.test("a pause ends when all does", async () => {
  const ended = new AbortController();
  const tries = new Tries({ ...HOW, first: 60_000, longest: 60_000 }, ended.signal);
  tries.fail();
  setTimeout(() => ended.abort(), 20);
  await assertRejects(() => tries.pause(), ExchangeFault);
  assertEquals(tries.fail(), false);
});

Deno.test("what may go well the next time", () => {
  const fault = (kind: ConstructorParameters<typeof ExchangeFault>[0]) =>
    new ExchangeFault(kind, "x");
  assertEquals(mayPass(fault("broken")), true);
  assertEquals([mayPass(fault("unreachable")), mayPass(fault("unreachable"), false)], [
    true,
    false,
  ]);
  for (const kind of ["untrusted", "not-tls", "malformed"] as const) {
    assertEquals(mayPass(fault(kind)), false);
  }
  assertEquals(mayPass(new Error("x")), false);
});
