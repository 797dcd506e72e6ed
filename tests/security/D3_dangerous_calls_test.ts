/**
 * Row D3: system calls that are a way out or a way to the kernel's less tried parts: keys, bpf, userfaultfd, new
 * user namespaces (CVE-2022-0185), rare families of sockets; by each of the ABIs that the kernel serves.
 */

import { assert, assertEquals } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { defaultProfile } from "../../lib/seccomp/default_profile.ts";
import { attack } from "./decoy.ts";
import { systemCallProgram } from "./system_calls.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const EPERM = "1";
const ENOSYS = "38";
const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWNET = 0x40000000;
const SIGCHLD = 17;

/** A call with its numbers, unistd_64.h and unistd_32.h, and what is to come of it; EPERM unless told. */
interface Deed {
  readonly name: string;
  readonly x86_64: number;
  readonly x86: number;
  readonly args?: readonly (number | string)[];
  readonly refusal?: string;
}

const DEEDS: readonly Deed[] = [
  { name: "keyctl", x86_64: 250, x86: 288, args: [0, -3] },
  { name: "add_key", x86_64: 248, x86: 286 },
  { name: "request_key", x86_64: 249, x86: 287 },
  { name: "bpf", x86_64: 321, x86: 357 },
  { name: "userfaultfd", x86_64: 323, x86: 374, args: [1] },
  { name: "perf_event_open", x86_64: 298, x86: 336 },
  { name: "io_uring_setup", x86_64: 425, x86: 425 },
  { name: "unshare of users", x86_64: 272, x86: 310, args: [CLONE_NEWUSER] },
  { name: "unshare of the network", x86_64: 272, x86: 310, args: [CLONE_NEWNET] },
  { name: "clone of users", x86_64: 56, x86: 120, args: [CLONE_NEWUSER | SIGCHLD] },
  // Its flags lie in memory, so that none can be told from another.
  { name: "clone3", x86_64: 435, x86: 435, refusal: ENOSYS },
  { name: "setns", x86_64: 308, x86: 346 },
  { name: "mount", x86_64: 165, x86: 21 },
  { name: "umount2", x86_64: 166, x86: 52 },
  { name: "pivot_root", x86_64: 155, x86: 217 },
  { name: "move_mount", x86_64: 429, x86: 429 },
  { name: "open_tree", x86_64: 428, x86: 428 },
  { name: "fsopen", x86_64: 430, x86: 430 },
  { name: "mount_setattr", x86_64: 442, x86: 442 },
  { name: "open_by_handle_at", x86_64: 304, x86: 342 },
  { name: "kexec_load", x86_64: 246, x86: 283 },
  { name: "init_module", x86_64: 175, x86: 128 },
  { name: "finit_module", x86_64: 313, x86: 350 },
  { name: "delete_module", x86_64: 176, x86: 129 },
  { name: "reboot", x86_64: 169, x86: 88 },
  { name: "swapon", x86_64: 167, x86: 87 },
  { name: "settimeofday", x86_64: 164, x86: 79 },
  { name: "acct", x86_64: 163, x86: 51 },
  { name: "quotactl", x86_64: 179, x86: 131 },
  { name: "syslog", x86_64: 103, x86: 103, args: [3] },
  { name: "personality", x86_64: 135, x86: 136, args: [0x40000] },
];

const AF_VSOCK = 40, AF_ALG = 38, SOCK_DGRAM = 2, SOCK_SEQPACKET = 5;

const SOCKETS: readonly (readonly [string, number, number])[] = [
  ["AF_VSOCK", AF_VSOCK, SOCK_DGRAM],
  ["AF_ALG", AF_ALG, SOCK_SEQPACKET],
];

/** The calls as words for the program. */
function words(abi: "64" | "x32" | "32"): string[] {
  const calls = DEEDS.map((
    { x86_64, x86, args = [] },
  ) => [abi, abi === "32" ? x86 : x86_64, ...args]);
  const socket = abi === "32" ? 359 : 41;
  const sockets = SOCKETS.map(([, family, type]) => [abi, socket, family, type, 0]);
  return [...calls, ...sockets].map((call) => call.join(":"));
}

const NAMES = [...DEEDS.map(({ name }) => name), ...SOCKETS.map(([name]) => name)];
const REFUSALS = [...DEEDS.map(({ refusal = EPERM }) => refusal), ...SOCKETS.map(() => EPERM)];

function told(stdout: string): Record<string, string> {
  const lines = stdout.trim().split("\n");
  assertEquals(lines.length, NAMES.length, stdout);
  return Object.fromEntries(NAMES.map((name, i) => [name, lines[i]!]));
}

const needs = { gcc: HAS_COMPILER, "a machine with x86's ABIs": Deno.build.arch === "x86_64" };
const EXPECTED = Object.fromEntries(NAMES.map((name, i) => [name, REFUSALS[i]!]));

testWith(needs, "without a filter some of these calls do what they are asked for", async () => {
  await attack(workspace, async () => {
    const program = await systemCallProgram(workspace);
    const options = ["-rm", "-net=none", "-security", "seccomp=unconfined"];
    const { stdout } = await workspace.run(
      [...options, "-v", `${program}:/calls:ro`, "alpine", "/calls", ...words("64")],
    );
    const done = Object.entries(told(stdout)).filter(([, result]) => result === "0");
    const names = done.map(([name]) => name);
    for (const name of ["keyctl", "unshare of users", "clone of users"]) {
      assert(names.includes(name), stdout);
    }
  });
});

for (const abi of ["64", "32", "x32"] as const) {
  testWith(needs, `none of them does in a container of an image, by the ABI ${abi}`, async () => {
    await attack(workspace, async () => {
      const program = await systemCallProgram(workspace);
      for (const options of [[], ["-u", "1000"], ["-no-new-privileges"]]) {
        const { code, stdout, stderr } = await workspace.run([
          ...["-rm", "-net=none", ...options, "-v", `${program}:/calls:ro`],
          ...["alpine", "/calls", ...words(abi)],
        ]);
        assertEquals(code, 0, stderr);
        // A kernel without 32-bit calls ends whoever makes one.
        const results = told(stdout);
        const gone = Object.values(results).every((result) => result.startsWith("signal "));
        if (!gone || abi === "64") assertEquals(results, EXPECTED, `${options}`);
      }
    });
  });

  testWith(
    needs,
    `nor in one of a bundle with the same policy, nor by exec, by the ABI ${abi}`,
    async () => {
      await attack(workspace, async () => {
        const program = await systemCallProgram(workspace);
        for (const noNewPrivileges of [false, true]) {
          await bundles.during((spec) => {
            spec.mounts.push({
              destination: "/calls",
              type: "bind",
              source: program,
              options: ["bind", "ro"],
            });
            spec.process.noNewPrivileges = noNewPrivileges;
            spec.linux.seccomp = defaultProfile([]);
          }, async (id) => {
            const { code, stdout, stderr } = await bundles.command(
              ["exec", id, "/calls", ...words(abi)],
            );
            assertEquals(code, 0, stderr);
            const results = told(stdout);
            const gone = Object.values(results).every((result) => result.startsWith("signal "));
            if (!gone || abi === "64") assertEquals(results, EXPECTED);
          });
        }
      });
    },
  );
}
