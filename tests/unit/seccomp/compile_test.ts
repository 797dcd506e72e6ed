import { assert, assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import type { SeccompAction } from "../../../lib/oci/seccomp_names.ts";
import type { Seccomp, SeccompCondition, SeccompRule } from "../../../lib/oci/spec.ts";
import { compileSeccomp, type Machine } from "../../../lib/seccomp/compile.ts";
import { type Abi, syscallNumbers } from "../../../lib/seccomp/tables.ts";
import { AUDIT_ARCH } from "../../../lib/seccomp/values.ts";
import { Filter } from "./interpreter.ts";
import { syscallNumber } from "./policies.ts";

const KILL_THREAD = 0;
const KILL_PROCESS = 0x8000_0000;
const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;

const X86_FAMILY = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"] as const;

function filterOf(config: Partial<Seccomp>, machine: Machine = "x86_64"): Filter {
  const whole: Seccomp = { defaultAction: "SCMP_ACT_KILL_PROCESS", ...config };
  return new Filter(compileSeccomp(whole, machine).program);
}

function rule(
  names: string,
  action: SeccompAction,
  args: SeccompCondition[] = [],
  errnoRet?: number,
): SeccompRule {
  return { names: names.split(" "), action, args, ...(errnoRet !== undefined && { errnoRet }) };
}

/** What a filter returns for a call, by the call's name or its number. */
function decision(filter: Filter, call: string | number, abi: Abi, ...args: bigint[]): number {
  const nr = typeof call === "string" ? syscallNumber(call, abi)! : call;
  return filter.run({ nr, arch: AUDIT_ARCH[abi], args });
}

function refusal(config: Partial<Seccomp>, machine: Machine = "x86_64"): string {
  return assertThrows(() => filterOf(config, machine), ContainerError).message;
}

Deno.test("each action returns its value, with the error number that it carries", () => {
  const values: [SeccompAction, number | undefined, number][] = [
    ["SCMP_ACT_KILL", undefined, 0],
    ["SCMP_ACT_KILL_THREAD", undefined, 0],
    ["SCMP_ACT_KILL_PROCESS", undefined, 0x8000_0000],
    ["SCMP_ACT_TRAP", undefined, 0x0003_0000],
    ["SCMP_ACT_ERRNO", undefined, EPERM],
    ["SCMP_ACT_ERRNO", 0, 0x0005_0000],
    ["SCMP_ACT_ERRNO", 4095, 0x0005_0fff],
    ["SCMP_ACT_TRACE", undefined, 0x7ff0_0001],
    ["SCMP_ACT_TRACE", 0xffff, 0x7ff0_ffff],
    ["SCMP_ACT_ALLOW", undefined, ALLOW],
    ["SCMP_ACT_LOG", undefined, 0x7ffc_0000],
    ["SCMP_ACT_NOTIFY", undefined, 0x7fc0_0000],
  ];
  for (const [action, errno, value] of values) {
    const listenerPath = "/listener";
    const other = action === "SCMP_ACT_ALLOW" ? "SCMP_ACT_TRAP" : "SCMP_ACT_ALLOW";
    const filter = filterOf({
      defaultAction: other,
      listenerPath,
      syscalls: [rule("getpid", action, [], errno)],
    });
    assertEquals(decision(filter, "getpid", "x86_64"), value, `${action} ${errno}`);
    if (action === "SCMP_ACT_NOTIFY") continue;
    const config: Partial<Seccomp> = { defaultAction: action };
    if (errno !== undefined) config.defaultErrnoRet = errno;
    assertEquals(
      decision(filterOf(config), "getpid", "x86_64"),
      value,
      `default ${action} ${errno}`,
    );
  }
});

Deno.test("calls of an architecture that is not listed kill the thread", () => {
  const syscalls = [rule("getpid exit", "SCMP_ACT_ALLOW")];
  const native = filterOf({ syscalls });
  assertEquals(decision(native, "getpid", "x86_64"), ALLOW);
  assertEquals(decision(native, "getpid", "x86"), KILL_THREAD);
  assertEquals(decision(native, "getpid", "x32"), KILL_THREAD);
  assertEquals(decision(native, "getpid", "aarch64"), KILL_THREAD);
  assertEquals(decision(native, 0x7fff_ffff, "x86_64"), KILL_THREAD);
  assertEquals(decision(native, 0xffff_fffe, "x86_64"), KILL_THREAD);
  const family = filterOf({ syscalls, architectures: [...X86_FAMILY] });
  for (const abi of ["x86_64", "x86", "x32"] as const) {
    assertEquals(decision(family, "getpid", abi), ALLOW, abi);
    assertEquals(decision(family, "open", abi), KILL_PROCESS, abi);
  }
  const arm = filterOf({ syscalls, architectures: ["SCMP_ARCH_ARM"] }, "aarch64");
  assertEquals(decision(arm, "getpid", "aarch64"), ALLOW);
  assertEquals(decision(arm, "getpid", "arm"), ALLOW);
  assertEquals(decision(arm, "getpid", "x86_64"), KILL_THREAD);
});

Deno.test("architectures that the machine cannot run take no room", () => {
  const syscalls = [rule("getpid", "SCMP_ACT_ALLOW")];
  const length = filterOf({ syscalls, architectures: ["SCMP_ARCH_X86_64"] }).length;
  const architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_S390X", "SCMP_ARCH_AARCH64"] as const;
  assertEquals(filterOf({ syscalls, architectures: [...architectures] }).length, length);
});

Deno.test("a call that a tracer has skipped gets the default action", () => {
  const filter = filterOf({ defaultAction: "SCMP_ACT_LOG" });
  assertEquals(decision(filter, 0xffff_ffff, "x86_64"), 0x7ffc_0000);
});

Deno.test("a call newer than what the profile names fails with ENOSYS", () => {
  const syscalls = [rule("read close_range", "SCMP_ACT_ALLOW")];
  const architectures = [...X86_FAMILY];
  const filter = filterOf({ defaultAction: "SCMP_ACT_ERRNO", architectures, syscalls });
  for (const abi of ["x86_64", "x86", "x32"] as const) {
    const newest = syscallNumber("close_range", abi)!;
    assertEquals(decision(filter, newest, abi), ALLOW, abi);
    assertEquals(decision(filter, newest - 1, abi), EPERM, abi);
    assertEquals(decision(filter, newest + 1, abi), ENOSYS, abi);
    assertEquals(decision(filter, "futex_waitv", abi), ENOSYS, abi);
  }
  assertEquals(decision(filter, 0xffff_ffff, "x86"), ENOSYS);
  assertEquals(decision(filter, 0x8000_0000, "x86_64"), ENOSYS);
});

Deno.test("a call that is named to be denied counts as known", () => {
  const filter = filterOf({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [rule("read", "SCMP_ACT_ALLOW"), rule("mseal", "SCMP_ACT_ERRNO")],
  });
  assertEquals(decision(filter, "mseal", "x86_64"), EPERM);
  assertEquals(decision(filter, "setxattrat", "x86_64"), ENOSYS);
});

Deno.test("permissive profiles and those that name nothing have no newest call", () => {
  for (const defaultAction of ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] as const) {
    const filter = filterOf({ defaultAction, syscalls: [rule("read", "SCMP_ACT_TRAP")] });
    assertEquals(decision(filter, 4000, "x86_64"), decision(filter, "write", "x86_64"));
  }
  assertEquals(decision(filterOf({ syscalls: [] }), 4000, "x86_64"), KILL_PROCESS);
});

Deno.test("ARM's private calls do not count as the newest", () => {
  const filter = filterOf({
    architectures: ["SCMP_ARCH_ARM"],
    syscalls: [rule("read openat2 set_tls", "SCMP_ACT_ALLOW")],
  }, "aarch64");
  assertEquals(decision(filter, "set_tls", "arm"), ALLOW);
  assertEquals(decision(filter, "usr26", "arm"), KILL_PROCESS);
  assertEquals(decision(filter, "openat2", "arm"), ALLOW);
  assertEquals(decision(filter, "faccessat2", "arm"), ENOSYS);
});

Deno.test("64-bit arguments are compared in both halves", () => {
  const operand = 0x1_0000_0005n;
  const around = [5n, 4n, operand - 1n, operand, operand + 1n, 0x2_0000_0005n, 0x2_0000_0000n];
  const expected: Record<string, (value: bigint) => boolean> = {
    SCMP_CMP_NE: (value) => value !== operand,
    SCMP_CMP_LT: (value) => value < operand,
    SCMP_CMP_LE: (value) => value <= operand,
    SCMP_CMP_EQ: (value) => value === operand,
    SCMP_CMP_GE: (value) => value >= operand,
    SCMP_CMP_GT: (value) => value > operand,
  };
  for (const op of Object.keys(expected) as SeccompCondition["op"][]) {
    const filter = filterOf({
      syscalls: [rule("ioctl", "SCMP_ACT_ALLOW", [{ index: 1, value: operand, op }])],
    });
    for (const value of around) {
      const allowed = decision(filter, "ioctl", "x86_64", 0n, value) === ALLOW;
      assertEquals(allowed, expected[op](value), `${op} ${value}`);
    }
  }
});

Deno.test("MASKED_EQ looks at the bits of the mask only", () => {
  const mask = { index: 0, value: 0x7e02_0000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" } as const;
  const filter = filterOf({ syscalls: [rule("clone", "SCMP_ACT_ALLOW", [mask])] });
  assertEquals(decision(filter, "clone", "x86_64", 0x11n), ALLOW);
  assertEquals(decision(filter, "clone", "x86_64", 0xffff_ffff_0000_0011n), ALLOW);
  assertEquals(decision(filter, "clone", "x86_64", 0x1000_0011n), KILL_PROCESS);
});

Deno.test("D4: TIOCSTI is caught whatever the upper half of the request holds", () => {
  const TIOCSTI = 0x5412;
  const args = [{
    index: 1,
    value: 0xffff_ffff,
    valueTwo: TIOCSTI,
    op: "SCMP_CMP_MASKED_EQ",
  }] as const;
  const filter = filterOf({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [...X86_FAMILY],
    syscalls: [rule("ioctl", "SCMP_ACT_ERRNO", [...args])],
  });
  for (const abi of ["x86_64", "x86", "x32"] as const) {
    for (const upper of [0n, 1n, 0xffff_ffffn]) {
      const request = upper << 32n | BigInt(TIOCSTI);
      assertEquals(decision(filter, "ioctl", abi, 0n, request), EPERM, `${abi} ${upper}`);
      assertEquals(decision(filter, "ioctl", abi, 0n, request + 1n), ALLOW, `${abi} ${upper}`);
    }
  }
});

Deno.test("32-bit ABIs compare the lower half of operand and argument", () => {
  const args = [{ index: 0, value: 0x1_0000_0005n, op: "SCMP_CMP_EQ" }] as const;
  const filter = filterOf({
    architectures: [...X86_FAMILY],
    syscalls: [rule("dup", "SCMP_ACT_ALLOW", [...args])],
  });
  assertEquals(decision(filter, "dup", "x86", 5n), ALLOW);
  assertEquals(decision(filter, "dup", "x32", 0x7_0000_0005n), ALLOW);
  assertEquals(decision(filter, "dup", "x86_64", 5n), KILL_PROCESS);
});

Deno.test("conditions of one rule must all hold, of several rules one is enough", () => {
  const filter = filterOf({
    syscalls: [
      rule("socket", "SCMP_ACT_ALLOW", [
        { index: 0, value: 2, op: "SCMP_CMP_EQ" },
        { index: 1, value: 1, op: "SCMP_CMP_EQ" },
      ]),
      rule("socket", "SCMP_ACT_ALLOW", [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }]),
    ],
  });
  assertEquals(decision(filter, "socket", "x86_64", 2n, 1n), ALLOW);
  assertEquals(decision(filter, "socket", "x86_64", 2n, 2n), KILL_PROCESS);
  assertEquals(decision(filter, "socket", "x86_64", 1n, 2n), ALLOW);
  assertEquals(decision(filter, "socket", "x86_64", 3n, 1n), KILL_PROCESS);
});

Deno.test("a rule that tests an argument twice stands for one rule for each test", () => {
  const filter = filterOf({
    syscalls: [
      rule("socket", "SCMP_ACT_ALLOW", [
        { index: 0, value: 1, op: "SCMP_CMP_EQ" },
        { index: 0, value: 2, op: "SCMP_CMP_EQ" },
      ]),
    ],
  });
  assertEquals([0n, 1n, 2n, 3n].map((family) => decision(filter, "socket", "x86_64", family)), [
    ...[KILL_PROCESS, ALLOW, ALLOW, KILL_PROCESS],
  ]);
});

Deno.test("a rule without conditions beats those with some, the first of them all others", () => {
  const one = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" } as const];
  const orders = [
    [rule("dup", "SCMP_ACT_ALLOW", one), rule("dup", "SCMP_ACT_TRAP")],
    [rule("dup", "SCMP_ACT_TRAP"), rule("dup", "SCMP_ACT_ALLOW", one)],
    [rule("dup", "SCMP_ACT_TRAP"), rule("dup", "SCMP_ACT_ALLOW")],
  ];
  for (const syscalls of orders) {
    assertEquals(decision(filterOf({ syscalls }), "dup", "x86_64", 1n), 0x0003_0000);
  }
});

Deno.test("a rule for the default action has no say", () => {
  const filter = filterOf({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      rule("dup", "SCMP_ACT_ERRNO", [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }]),
      rule("dup", "SCMP_ACT_ALLOW"),
    ],
  });
  assertEquals(decision(filter, "dup", "x86_64", 1n), ALLOW);
});

Deno.test("i386's socketcall and ipc are filtered by their selectors", () => {
  const filter = filterOf({
    architectures: [...X86_FAMILY],
    syscalls: [
      rule("accept", "SCMP_ACT_ALLOW"),
      rule("socket", "SCMP_ACT_ALLOW", [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }]),
      rule("shmat", "SCMP_ACT_ALLOW", [{ index: 2, value: 7, op: "SCMP_CMP_EQ" }]),
    ],
  });
  assertEquals(decision(filter, "socketcall", "x86", 5n), ALLOW);
  assertEquals(decision(filter, "socketcall", "x86", 2n), KILL_PROCESS);
  // What family is asked for cannot be seen.
  assertEquals(decision(filter, "socketcall", "x86", 1n, 0n), ALLOW);
  assertEquals(decision(filter, "socket", "x86", 1n), ALLOW);
  assertEquals(decision(filter, "socket", "x86", 2n), KILL_PROCESS);
  assertEquals(decision(filter, "ipc", "x86", 21n, 0n, 7n), ALLOW);
  assertEquals(decision(filter, "ipc", "x86", 21n, 0n, 6n), KILL_PROCESS);
  assertEquals(decision(filter, "ipc", "x86", 22n, 0n, 7n), KILL_PROCESS);
});

Deno.test("unknown system calls are left out with a warning, those of elsewhere without", () => {
  const { warnings, program } = compileSeccomp({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      rule("read", "SCMP_ACT_ALLOW"),
      rule("riscv_hwprobe send no_such_call s390_runtime_instr fadvise64_64", "SCMP_ACT_ALLOW"),
    ],
  }, "x86_64");
  assertEquals(warnings, [
    'config.json: linux.seccomp.syscalls[1].names[2]: ignored "no_such_call", no system call',
  ]);
  assertEquals(decision(new Filter(program), "read", "x86_64"), ALLOW);
});

Deno.test("flags become those of seccomp(2)", () => {
  const config = { defaultAction: "SCMP_ACT_ALLOW" } as const;
  const notify: Partial<Seccomp> = {
    listenerPath: "/listener",
    syscalls: [rule("mkdir", "SCMP_ACT_NOTIFY")],
  };
  const flags = (more: Partial<Seccomp>) => compileSeccomp({ ...config, ...more }, "x86_64").flags;
  assertEquals(flags({}), 4);
  assertEquals(flags({ flags: [] }), 0);
  assertEquals(flags({ flags: ["SECCOMP_FILTER_FLAG_TSYNC"] }), 1);
  assertEquals(flags({ flags: ["SECCOMP_FILTER_FLAG_LOG"] }), 2);
  assertEquals(flags({ flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"] }), 6);
  assertEquals(flags({ ...notify, flags: [] }), 8);
  assertEquals(flags({ ...notify, flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }), 8 | 32);
  assertEquals(flags({ ...notify, flags: ["SECCOMP_FILTER_FLAG_TSYNC"] }), 1 | 8 | 16);
  assertEquals(compileSeccomp({ ...config, ...notify }, "x86_64").notify, true);
  assertEquals(compileSeccomp(config, "x86_64").notify, false);
});

Deno.test("what does not go together is refused with the name of the field", () => {
  assertEquals(
    refusal({ defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/listener" }),
    "config.json: linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default",
  );
  assertEquals(
    refusal({
      listenerPath: "/listener",
      syscalls: [rule("read", "SCMP_ACT_ALLOW"), rule("mkdir write", "SCMP_ACT_NOTIFY")],
    }),
    'config.json: linux.seccomp.syscalls[1].action: SCMP_ACT_NOTIFY cannot be used for "write"',
  );
  assertEquals(
    refusal({ syscalls: [rule("mkdir", "SCMP_ACT_NOTIFY")] }),
    "config.json: linux.seccomp.listenerPath: missing, but a rule has the action SCMP_ACT_NOTIFY",
  );
  assertEquals(
    refusal({ flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }),
    "config.json: linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is of no use without " +
      "a rule with SCMP_ACT_NOTIFY",
  );
  assertEquals(
    refusal({ syscalls: [rule("read", "SCMP_ACT_ERRNO", [], 4096)] }),
    "config.json: linux.seccomp.syscalls[0].errnoRet: 4096 is beyond the largest error number, 4095",
  );
  assertEquals(
    refusal({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 5000 }),
    "config.json: linux.seccomp.defaultErrnoRet: 5000 is beyond the largest error number, 4095",
  );
});

Deno.test("rules that contradict each other are refused", () => {
  const one: SeccompCondition = { index: 0, value: 1, op: "SCMP_CMP_EQ" };
  const two: SeccompCondition = { index: 1, value: 2, op: "SCMP_CMP_EQ" };
  const message = (on: string) =>
    "config.json: linux.seccomp.syscalls[1].action: an earlier rule has another one for the same " +
    `arguments of "dup3" on SCMP_ARCH_${on}`;
  const syscalls = [rule("dup3", "SCMP_ACT_ALLOW", [one]), rule("dup3", "SCMP_ACT_TRAP", [one])];
  assertEquals(refusal({ syscalls }), message("X86_64"));
  const specificFirst = [
    rule("dup3", "SCMP_ACT_ALLOW", [one, two]),
    rule("dup3", "SCMP_ACT_TRAP", [one]),
  ];
  assertEquals(refusal({ syscalls: specificFirst }), message("X86_64"));
  const generalFirst = filterOf({ syscalls: specificFirst.toReversed() });
  assertEquals(decision(generalFirst, "dup3", "x86_64", 1n, 2n), 0x0003_0000);
  // The same to the eyes of a 32-bit ABI only.
  const wide: SeccompCondition = { index: 0, value: 0x1_0000_0001n, op: "SCMP_CMP_EQ" };
  const halves = [rule("dup3", "SCMP_ACT_ALLOW", [one]), rule("dup3", "SCMP_ACT_TRAP", [wide])];
  assertEquals(decision(filterOf({ syscalls: halves }), "dup3", "x86_64", 1n), ALLOW);
  assertEquals(refusal({ syscalls: halves, architectures: [...X86_FAMILY] }), message("X86"));
});

Deno.test("jumps reach further than 255 instructions", () => {
  const values = Array.from({ length: 900 }, (_, i) => 3 * i);
  const syscalls = values.map((value) =>
    rule("dup", value % 2 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_TRAP", [{
      index: 0,
      value,
      op: "SCMP_CMP_EQ",
    }])
  );
  const filter = filterOf({ architectures: [...X86_FAMILY], syscalls });
  assert(filter.length > 2000, `${filter.length} instructions`);
  for (const abi of ["x86_64", "x86", "x32"] as const) {
    for (let value = 0n; value < 2710n; value++) {
      const named = value % 3n === 0n && value < 2700n;
      const expected = named ? value % 2n ? ALLOW : 0x0003_0000 : KILL_PROCESS;
      assertEquals(decision(filter, "dup", abi, value), expected, `${abi} ${value}`);
    }
    assertEquals(decision(filter, "read", abi), KILL_PROCESS);
  }
});

Deno.test("a profile that takes more than 4096 instructions is refused, however large it is", () => {
  for (const count of [5000, 200_000]) {
    const syscalls = Array.from(
      { length: count },
      (_, value) => rule("dup", "SCMP_ACT_ALLOW", [{ index: 0, value, op: "SCMP_CMP_EQ" }]),
    );
    assertEquals(
      refusal({ syscalls }),
      "config.json: linux.seccomp: takes more than the 4096 instructions of a filter",
    );
  }
});

Deno.test("rules with six conditions by order share what they have in common", () => {
  const args = [0, 1, 2, 3, 4, 5].map((index): SeccompCondition => ({
    index,
    value: 0x1_0000_0005n,
    op: "SCMP_CMP_GE",
  }));
  const filter = filterOf({ syscalls: [rule("mmap", "SCMP_ACT_ALLOW", args)] });
  assert(filter.length < 60, `${filter.length} instructions`);
  const enough = args.map(() => 0x1_0000_0005n);
  assertEquals(decision(filter, "mmap", "x86_64", ...enough), ALLOW);
  assertEquals(decision(filter, "mmap", "x86_64", ...enough.with(5, 0xffff_ffffn)), KILL_PROCESS);
});

Deno.test("a call is found by few comparisons", () => {
  const names = [...syscallNumbers("x86_64").keys()];
  const syscalls = [rule(names.filter((_, i) => i % 2 === 0).join(" "), "SCMP_ACT_ALLOW")];
  const filter = filterOf({ syscalls });
  for (const number of syscallNumbers("x86_64").values()) {
    decision(filter, number, "x86_64");
    assert(filter.steps <= 16, `${number}: ${filter.steps} steps`);
  }
});
