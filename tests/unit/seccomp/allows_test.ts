import { assert, assertEquals } from "@std/assert";
import { SECCOMP_OPERATORS } from "../../../lib/oci/seccomp_names.ts";
import { ContainerError } from "../../../lib/errors.ts";
import { allows } from "../../../lib/seccomp/allows.ts";
import { compileSeccomp } from "../../../lib/seccomp/compile.ts";
import { defaultProfile } from "../../../lib/seccomp/default_profile.ts";
import { syscallNumbers } from "../../../lib/seccomp/tables.ts";
import { ACTIONS, AUDIT_ARCH } from "../../../lib/seccomp/values.ts";
import { Filter } from "./interpreter.ts";
import { generate, Random } from "./policies.ts";

const arch = Deno.build.arch as "x86_64" | "aarch64";

/** Holds it against the interpreter of the tests, for every call of this machine's own ABI. */
function assertSame(program: Uint8Array, args: readonly number[]): number {
  const filter = new Filter(program);
  let allowed = 0;
  for (const nr of syscallNumbers(arch).values()) {
    const action = filter.run({ nr, arch: AUDIT_ARCH[arch], args: args.map(BigInt) }) & 0x7fff_0000;
    const expected = action === ACTIONS.SCMP_ACT_ALLOW || action === ACTIONS.SCMP_ACT_LOG;
    assertEquals(allows(program, nr, args), expected, `${nr} ${args}`);
    if (expected) allowed++;
  }
  return allowed;
}

Deno.test("allows() says of the default profile what the kernel would", () => {
  const { program } = compileSeccomp(defaultProfile([]));
  const CLONE_PARENT = 0x8000, CLONE_NEWUSER = 0x1000_0000;
  assert(assertSame(program, []) > 250);
  assertSame(program, [CLONE_PARENT]);
  const clone = syscallNumbers(arch).get("clone")!;
  assertEquals(allows(program, clone, [CLONE_PARENT]), true);
  assertEquals(allows(program, clone, [CLONE_NEWUSER]), false);
});

Deno.test("allows() says of generated policies what the kernel would", () => {
  const random = new Random(77);
  const shape = { operators: SECCOMP_OPERATORS, conditions: 4 };
  let count = 0;
  for (let i = 0; i < 200; i++) {
    const { config, machine } = generate(random, shape);
    if (machine !== arch) continue;
    try {
      const { program } = compileSeccomp(config, machine);
      for (const args of [[], [1], [5, 0xffff_ffff], [0x8000_0000, 1, 2, 3, 4, 5]]) {
        assertSame(program, args);
      }
      count++;
    } catch (error) {
      // Rules of chance may contradict each other.
      if (!(error instanceof ContainerError)) throw error;
    }
  }
  assert(count > 50, `${count} policies`);
});
