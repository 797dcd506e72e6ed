import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomUUID } from "../../lib/uuid.ts";

Deno.test("a random UUID is one of version 4, and another one each time", () => {
  const made = Array.from({ length: 1000 }, randomUUID);
  for (const uuid of made) {
    assertMatch(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assertEquals(new Set(made).size, made.length);
  for (let place = 0; place < 36; place++) {
    const seen = new Set(made.map((uuid) => uuid[place])).size;
    const isFixed = [8, 13, 14, 18, 23].includes(place);
    assert(isFixed ? seen === 1 : seen >= (place === 19 ? 4 : 16), `place ${place}: ${seen}`);
  }
});
