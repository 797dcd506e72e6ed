import { assertEquals } from "@std/assert";
import { identify, isAlive } from "../../../lib/runtime/process_identity.ts";

Deno.test("a running process is alive, one with its number but another start is not", () => {
  const self = identify(Deno.pid);
  assertEquals(isAlive(self), true);
  assertEquals(isAlive({ ...self!, startTime: "1" }), false);
});

Deno.test("a process that has ended is not alive, also as a zombie", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const identity = identify(child.pid);
  assertEquals(isAlive(identity), true);
  child.kill("SIGKILL");
  await child.status;
  assertEquals(isAlive(identity), false);
  assertEquals(identify(child.pid), undefined);
});

Deno.test("nobody is not alive", () => assertEquals(isAlive(undefined), false));
