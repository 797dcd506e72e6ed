import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { type Circumstances, resolveProfile } from "../../../lib/seccomp/docker_profile.ts";

const plain: Circumstances = { capabilities: [], machine: "x86_64", kernel: "6.1.0-18-amd64" };

function namesOf(rule: Record<string, unknown>, circumstances: Partial<Circumstances>): unknown[] {
  const profile = { syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...rule }] };
  const { syscalls } = resolveProfile(profile, { ...plain, ...circumstances }, "profile");
  return (syscalls as { names: string[] }[]).flatMap(({ names }) => names);
}

Deno.test("a profile without circumstances comes out as it is", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: ["SCMP_ARCH_X86"],
    flags: [],
    syscalls: [{
      names: ["dup"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 18446744073709551615n }],
    }],
  };
  assertEquals(resolveProfile(profile, plain, "profile"), profile);
});

Deno.test("archMap gives the architectures of the machine", () => {
  const archMap = [
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: null },
  ];
  const architectures = (machine: Circumstances["machine"]) =>
    resolveProfile({ archMap }, { ...plain, machine }, "profile").architectures;
  assertEquals(architectures("aarch64"), ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  assertEquals(architectures("x86_64"), ["SCMP_ARCH_X86_64"]);
});

Deno.test("rules depend on capabilities, machine and kernel", () => {
  const caps = ["CAP_SYS_ADMIN", "CAP_BPF"];
  assertEquals(namesOf({ includes: { caps } }, { capabilities: ["CAP_BPF"] }), []);
  assertEquals(namesOf({ includes: { caps } }, { capabilities: caps }), ["read"]);
  assertEquals(namesOf({ excludes: { caps } }, { capabilities: ["CAP_BPF"] }), []);
  assertEquals(namesOf({ excludes: { caps } }, {}), ["read"]);
  assertEquals(namesOf({ includes: { arches: ["amd64", "x32"] } }, {}), ["read"]);
  assertEquals(namesOf({ includes: { arches: ["amd64"] } }, { machine: "aarch64" }), []);
  assertEquals(namesOf({ excludes: { arches: ["arm64"] } }, { machine: "aarch64" }), []);
  assertEquals(namesOf({ includes: { minKernel: "4.8" } }, { kernel: "4.19.0" }), ["read"]);
  assertEquals(namesOf({ includes: { minKernel: "4.8" } }, { kernel: "4.7.10" }), []);
  assertEquals(namesOf({ excludes: { minKernel: "4.8" } }, { kernel: "5.0" }), []);
  assertEquals(namesOf({ includes: {}, excludes: {}, args: null }, {}), ["read"]);
});

Deno.test("a rule may have a single name, and a comment", () => {
  const rule = { name: "dup", action: "SCMP_ACT_ALLOW", comment: "", errno: "EPERM", args: null };
  assertEquals(resolveProfile({ syscalls: [rule] }, plain, "profile").syscalls, [
    { names: ["dup"], action: "SCMP_ACT_ALLOW" },
  ]);
});

Deno.test("what cannot be resolved is refused with the name of the field", () => {
  const cases: [unknown, string][] = [
    [[], "/p.json: expected an object"],
    [{ syscalls: 7 }, "/p.json: syscalls: expected an array"],
    [{ syscalls: ["read"] }, "/p.json: syscalls[0]: expected an object"],
    [
      { syscalls: [{ name: "a", names: ["b"] }] },
      "/p.json: syscalls[0].name: cannot stand beside names",
    ],
    [
      { syscalls: [{ includes: { minKernel: 4.8 } }] },
      '/p.json: syscalls[0].includes.minKernel: expected a version such as "4.8"',
    ],
    [
      { syscalls: [{ excludes: { caps: "all" } }] },
      "/p.json: syscalls[0].excludes.caps: expected an array",
    ],
    [
      { archMap: [], architectures: ["SCMP_ARCH_X86"] },
      "/p.json: archMap: cannot stand beside architectures",
    ],
  ];
  for (const [profile, message] of cases) {
    const resolve = () => resolveProfile(profile, plain, "/p.json");
    assertEquals(assertThrows(resolve, ContainerError).message, message);
  }
});
