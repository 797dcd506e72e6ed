import { assertEquals, assertMatch } from "@std/assert";
import { SIGNALS } from "../../../ffi/constants.ts";
import type { Seccomp } from "../../../lib/oci/spec.ts";
import { compileSeccomp } from "../../../lib/seccomp/compile.ts";
import { defaultProfile } from "../../../lib/seccomp/default_profile.ts";
import type { Abi } from "../../../lib/seccomp/tables.ts";
import { syscallNumber } from "./policies.ts";

/** A program that makes system calls under a filter; undefined where there is no C compiler. */
const helper = build();
Deno.test.afterAll(() => {
  if (helper) Deno.removeSync(folderOf(helper), { recursive: true });
});

const isX86 = Deno.build.arch === "x86_64";
const EPERM = "returned -1";
const ENOSYS = "returned -38";

interface Made {
  name: string | number;
  abi?: Abi;
  args?: (number | bigint)[];
}

function test(name: string, run: () => void, isPossible = true): void {
  const needs = helper === undefined ? " (needs gcc)" : isPossible ? "" : " (not on this machine)";
  Deno.test({
    name: `the kernel: ${name}${needs}`,
    ignore: helper === undefined || !isPossible,
    fn: run,
  });
}

/** What comes of each call in a process that has put itself under the filter. */
function make(config: Seccomp, calls: Made[]): string[] {
  const { program, flags } = compileSeccomp(config);
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(file, program);
    const words = calls.map(({ name, abi = Deno.build.arch, args = [] }) => {
      const number = typeof name === "number" ? name : syscallNumber(name, abi);
      return [abi === "x86" ? "int80" : "syscall", number, ...args].join(":");
    });
    const command = new Deno.Command(helper!, { args: [file, `${flags}`, ...words] });
    const { stdout, code } = command.outputSync();
    assertEquals(code, 0);
    return new TextDecoder().decode(stdout).trim().split("\n");
  } finally {
    Deno.removeSync(file);
  }
}

const ALL_ABIS: Partial<Seccomp> = {
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"],
};

test("takes the default profile and keeps to it", () => {
  const CLONE_NEWUSER = 0x1000_0000, SIGCHLD = 17;
  const AF_INET = 2, AF_ALG = 38, AF_VSOCK = 40, SOCK_DGRAM = 2, SOCK_SEQPACKET = 5;
  const results = make(defaultProfile([]), [
    { name: "getppid" },
    { name: "keyctl", args: [0] },
    { name: "bpf" },
    { name: "userfaultfd" },
    { name: "unshare", args: [CLONE_NEWUSER] },
    { name: "clone", args: [CLONE_NEWUSER | SIGCHLD] },
    { name: "clone3" },
    { name: "socket", args: [AF_ALG, SOCK_SEQPACKET] },
    { name: "socket", args: [AF_VSOCK, SOCK_DGRAM] },
    { name: "socket", args: [AF_INET, SOCK_DGRAM] },
    { name: "personality", args: [0xffff_ffff] },
    { name: "personality", args: [0x40_0000] },
    { name: "listns" },
    { name: 4000 },
  ]);
  assertMatch(results[0], /^returned [1-9]/);
  assertMatch(results[9], /^returned [0-9]/);
  assertMatch(results[10], /^returned [0-9]/);
  assertEquals(results.filter((_, i) => ![0, 9, 10].includes(i)), [
    ...[EPERM, EPERM, EPERM, EPERM, EPERM, ENOSYS, EPERM, EPERM, EPERM, ENOSYS, ENOSYS],
  ]);
});

test("kills, traps and returns errors as the actions say", () => {
  const results = make(
    {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["getuid"], action: "SCMP_ACT_KILL" },
        { names: ["geteuid"], action: "SCMP_ACT_KILL_PROCESS" },
        { names: ["getgid"], action: "SCMP_ACT_TRAP" },
        { names: ["getegid"], action: "SCMP_ACT_ERRNO", errnoRet: 100 },
        { names: ["getppid"], action: "SCMP_ACT_ERRNO", errnoRet: 0 },
        { names: ["getsid"], action: "SCMP_ACT_LOG" },
        // Without a tracer the call fails with ENOSYS.
        { names: ["getpgid"], action: "SCMP_ACT_TRACE" },
      ],
    },
    ["getuid", "geteuid", "getgid", "getegid", "getppid", "getsid", "getpgid"].map((name) => ({
      name,
    })),
  );
  const killed = `killed ${SIGNALS.SIGSYS}`;
  assertEquals(results.slice(0, 5), [killed, killed, killed, "returned -100", "returned 0"]);
  assertMatch(results[5], /^returned [0-9]/);
  assertEquals(results[6], ENOSYS);
});

test("compares all 64 bits of an argument", () => {
  const results = make(
    {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{
        names: ["getpgid"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 100,
        args: [{ index: 3, value: 0x1_0000_0005n, op: "SCMP_CMP_GE" }],
      }],
    },
    [0x1_0000_0004n, 0x1_0000_0005n, 0x2_0000_0000n, 0xffff_ffffn].map((value) => ({
      name: "getpgid",
      args: [0, 0, 0, value],
    })),
  );
  assertMatch(results[0], /^returned [0-9]/);
  assertEquals(results.slice(1, 3), ["returned -100", "returned -100"]);
  assertMatch(results[3], /^returned [0-9]/);
});

test("sees i386 calls as those of another architecture", () => {
  const config: Seccomp = {
    ...ALL_ABIS,
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      { names: ["getppid"], action: "SCMP_ACT_ERRNO", errnoRet: 100 },
      {
        names: ["ioctl"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 101,
        args: [{ index: 1, value: 0xffff_ffff, valueTwo: 0x5412, op: "SCMP_CMP_MASKED_EQ" }],
      },
      { names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: 102 },
    ],
  };
  const calls: Made[] = [
    { name: "getppid", abi: "x86" },
    { name: "ioctl", abi: "x86", args: [0, 0x5412] },
    { name: "socket", abi: "x86" },
    { name: "socketcall", abi: "x86", args: [1, 0] },
    { name: "socketcall", abi: "x86", args: [99, 0] },
  ];
  assertEquals(make(config, calls), [
    ...["returned -100", "returned -101", "returned -102", "returned -102", "returned -22"],
  ]);
  const native: Seccomp = { ...config, architectures: ["SCMP_ARCH_X86_64"] };
  assertEquals(make(native, calls), calls.map(() => `killed ${SIGNALS.SIGSYS}`));
}, servesI386());

test("sees x32 calls as those of x86_64 with a bit of their own", () => {
  const config: Seccomp = {
    ...ALL_ABIS,
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["getppid", "ioctl"], action: "SCMP_ACT_ERRNO", errnoRet: 100 }],
  };
  const calls: Made[] = [{ name: "getppid", abi: "x32" }, { name: "ioctl", abi: "x32" }];
  assertEquals(make(config, calls), ["returned -100", "returned -100"]);
  const native: Seccomp = { ...config, architectures: ["SCMP_ARCH_X86_64"] };
  assertEquals(make(native, calls), calls.map(() => `killed ${SIGNALS.SIGSYS}`));
}, isX86);

test("takes a program of thousands of instructions", () => {
  const syscalls: Seccomp["syscalls"] = Array.from({ length: 1200 }, (_, value) => ({
    names: ["getsid"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: 1 + value,
    args: [{ index: 5, value: 7 * value, op: "SCMP_CMP_EQ" }],
  }));
  const config: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
  const results = make(
    config,
    [0, 700, 1199].map((value) => ({
      name: "getsid",
      args: [0, 0, 0, 0, 0, 7 * value],
    })),
  );
  assertEquals(results, ["returned -1", "returned -701", "returned -1200"]);
});

test("takes the filter and its flags through the wrapper of seccomp(2)", () => {
  const child = new URL("kernel_child.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--v8-flags=--single-threaded", child],
  }).outputSync();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    plain: { result: 0, call: "getppid: ENETDOWN (Network is down)" },
    notify: { isDescriptor: true, isCloseOnExec: true },
    refused: "seccomp flags 1024: EINVAL (Invalid argument)",
  });
  assertEquals(code, 0);
});

/** A kernel without IA32_EMULATION answers `int 0x80` with SIGSEGV. */
function servesI386(): boolean {
  if (!isX86 || helper === undefined) return false;
  const [result] = make({ ...ALL_ABIS, defaultAction: "SCMP_ACT_ALLOW" }, [
    { name: "getppid", abi: "x86" },
  ]);
  return result !== `killed ${SIGNALS.SIGSEGV}`;
}

function build(): string | undefined {
  const folder = Deno.makeTempDirSync({ prefix: "seccomp-" });
  const source = new URL("kernel.c", import.meta.url).pathname;
  try {
    const args = ["-O1", "-o", `${folder}/kernel`, source];
    if (new Deno.Command("gcc", { args }).outputSync().success) return `${folder}/kernel`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.removeSync(folder, { recursive: true });
  return undefined;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
