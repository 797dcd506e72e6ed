import { assert, assertEquals } from "@std/assert";
import { capget, inBoundingSet } from "../../../ffi/capability.ts";
import { SIGNALS } from "../../../ffi/constants.ts";
import { syscall } from "../../../ffi/libc.ts";
import { alloc } from "../../../ffi/struct.ts";
import { readOwnStatus } from "../../../lib/runtime/own_status.ts";

Deno.test("the bounding set is the one that prctl tells of", () => {
  const { bounding } = readOwnStatus();
  for (let capability = 0; capability < 64; capability++) {
    const has = ((bounding >> BigInt(capability)) & 1n) === 1n;
    assertEquals(has, inBoundingSet(capability) ?? false, `capability ${capability}`);
  }
});

Deno.test("the permitted capabilities are those that capget tells of", () => {
  assertEquals(readOwnStatus().permitted, capget().permitted);
});

Deno.test("the ignored signals are SIGPIPE, of Deno's own, and what else is ignored", () => {
  const before = readOwnStatus().ignored;
  assert(before.includes(SIGNALS.SIGPIPE));
  assert(!before.includes(SIGNALS.SIGWINCH));
  setAction(SIGNALS.SIGWINCH, SIG_IGN);
  try {
    const ascending = (a: number, b: number) => a - b;
    assertEquals(readOwnStatus().ignored, [...before, SIGNALS.SIGWINCH].sort(ascending));
  } finally {
    setAction(SIGNALS.SIGWINCH, SIG_DFL);
  }
});

const SIG_DFL = 0n, SIG_IGN = 1n;

/** sigaction(2) without flags. */
function setAction(signal: number, handler: bigint): void {
  const action = alloc(32);
  new DataView(action.buffer).setBigUint64(0, handler, true);
  syscall("rt_sigaction", "", signal, action, null, 8);
}
