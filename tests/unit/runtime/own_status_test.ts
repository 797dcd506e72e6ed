import { assert, assertEquals } from "@std/assert";
import { inBoundingSet } from "../../../ffi/capability.ts";
import { SIGNALS } from "../../../ffi/constants.ts";
import { ownStatus } from "../../../lib/runtime/own_status.ts";

Deno.test("the bounding set is the one that prctl tells of", () => {
  const { bounding } = ownStatus();
  for (let capability = 0; capability < 64; capability++) {
    const has = ((bounding >> BigInt(capability)) & 1n) === 1n;
    assertEquals(has, inBoundingSet(capability) ?? false, `capability ${capability}`);
  }
});

Deno.test("SIGPIPE is among the ignored signals, and of the others a child ignores each", () => {
  const { ignored } = ownStatus();
  // Deno itself ignores it.
  assert(ignored.includes(SIGNALS.SIGPIPE));
  const script = "sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status";
  const { stdout } = new Deno.Command("sh", { args: ["-c", script] }).outputSync();
  const mask = BigInt(`0x${new TextDecoder().decode(stdout).trim()}`);
  for (const signal of ignored.filter((signal) => signal !== SIGNALS.SIGPIPE)) {
    assertEquals((mask >> BigInt(signal - 1)) & 1n, 1n, `signal ${signal}`);
  }
});
