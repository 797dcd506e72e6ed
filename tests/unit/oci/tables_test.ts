/** The tables of names and numbers, held against the kernel's own headers and against each other. */
import { assert, assertEquals } from "@std/assert";
import { RLIM_INFINITY } from "../../../ffi/constants.ts";
import * as mountFlags from "../../../ffi/mount_flags.ts";
import { CAPABILITIES, isCapability } from "../../../lib/oci/capabilities.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../../../lib/oci/memory_policy.ts";
import { NAMESPACES } from "../../../lib/oci/namespaces.ts";
import { PERSONALITY_DOMAINS } from "../../../lib/oci/personality.ts";
import { RLIMITS } from "../../../lib/oci/rlimits.ts";
import {
  IO_PRIORITY_CLASSES,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from "../../../lib/oci/scheduling.ts";

const INCLUDE = "/usr/include";

function header(name: string): string | undefined {
  for (const folder of [INCLUDE, ...multiarch()]) {
    try {
      return Deno.readTextFileSync(`${folder}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

function multiarch(): string[] {
  return [`${INCLUDE}/${Deno.build.arch}-linux-gnu`];
}

const missing = header("linux/capability.h") === undefined;

/** The value that a header defines a name with: a number, a shift, or an item of an enumeration. */
function defined(header: string, name: string): number | undefined {
  const define = new RegExp(`#\\s*define\\s+${name}\\s+\\(?\\s*(\\w+)(?:\\s*<<\\s*(\\w+))?`).exec(
    header,
  );
  if (define !== null) return Number(define[1]) << Number(define[2] ?? 0);
  const list = [...header.matchAll(/enum[^{}]*\{([^}]*)\}/g)].map(([, body]) => body!)
    .find((body) => new RegExp(`\\b${name}\\b`).test(body));
  let next = 0;
  for (const item of (list ?? "").replaceAll(/\/\*[\s\S]*?\*\//g, "").split(",")) {
    const [label = "", value] = item.split("=").map((part) => part.trim());
    if (value !== undefined) next = Number(value);
    if (label === name) return next;
    next++;
  }
  return undefined;
}

function compare(file: string, table: Readonly<Record<string, number>>): void {
  const text = header(file)!;
  for (const [name, value] of Object.entries(table)) {
    const expected = defined(text, name);
    assert(expected !== undefined, `${file} does not define ${name}`);
    assertEquals(value >>> 0, expected >>> 0, `${name} in ${file}`);
  }
}

Deno.test({
  name: "capabilities are numbered as in linux/capability.h",
  ignore: missing,
  fn() {
    compare("linux/capability.h", CAPABILITIES);
  },
});

Deno.test("there are 41 capabilities without a gap", () => {
  const numbers = Object.values(CAPABILITIES);
  assertEquals(numbers, Array.from({ length: 41 }, (_, i) => i) as typeof numbers);
  assert(isCapability("CAP_BPF"));
  assert(!isCapability("CAP_ALL") && !isCapability("toString") && !isCapability("cap_bpf"));
});

Deno.test({
  name: "resource limits are numbered as in asm-generic/resource.h",
  ignore: missing,
  fn() {
    assertEquals(Object.keys(RLIMITS).length, 16);
    compare("asm-generic/resource.h", RLIMITS);
    assertEquals(RLIM_INFINITY, BigInt.asUintN(64, -1n));
  },
});

Deno.test({
  name: "scheduling is numbered as in linux/sched.h and linux/ioprio.h",
  ignore: missing,
  fn() {
    // SCHED_OTHER has another name there, SCHED_ISO is reserved.
    const { SCHED_OTHER, SCHED_ISO, ...policies } = SCHEDULER_POLICIES;
    compare("linux/sched.h", { ...policies, SCHED_NORMAL: SCHED_OTHER });
    assertEquals(SCHED_ISO, 4);
    compare("linux/sched.h", SCHEDULER_FLAGS);
    compare("linux/ioprio.h", IO_PRIORITY_CLASSES);
  },
});

Deno.test({
  name: "mount flags are those of linux/mount.h",
  ignore: missing,
  fn() {
    const { MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_IDMAP, ...flags } = mountFlags;
    compare("linux/mount.h", flags);
    compare("linux/mount.h", { MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_IDMAP });
  },
});

Deno.test({
  name: "memory policies are numbered as in linux/mempolicy.h",
  ignore: missing,
  fn() {
    const { MPOL_WEIGHTED_INTERLEAVE, ...modes } = MEMORY_POLICY_MODES;
    compare("linux/mempolicy.h", { ...modes, ...MEMORY_POLICY_FLAGS });
    // Newer than some headers.
    assertEquals(MPOL_WEIGHTED_INTERLEAVE, 6);
  },
});

Deno.test({
  name: "personalities are those of linux/personality.h",
  ignore: missing,
  fn() {
    compare("linux/personality.h", {
      PER_LINUX: PERSONALITY_DOMAINS.LINUX,
      PER_LINUX32: PERSONALITY_DOMAINS.LINUX32,
    });
  },
});

Deno.test({
  name: "namespaces have the flags of linux/sched.h and files in /proc",
  ignore: missing,
  fn() {
    for (const { flag, file } of Object.values(NAMESPACES)) {
      const name = file === "mnt" ? "CLONE_NEWNS" : `CLONE_NEW${file.toUpperCase()}`;
      compare("linux/sched.h", { [name]: flag });
      assert(Deno.readLinkSync(`/proc/self/ns/${file}`).startsWith(`${file}:`));
    }
  },
});
