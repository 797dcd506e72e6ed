/**
 * Rows A4 and A1: a container whose root may trace looks for the process by which `exec` joins it, to take it over,
 * to read what it holds open, and to write over the runtime's own file (CVE-2016-9962, CVE-2019-5736).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles, type FilledSpec, setNamespace } from "../integration/support/bundle.ts";
import type { Outcome } from "../integration/support/process.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { BINARY, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { defaultProfile } from "../../lib/seccomp/default_profile.ts";
import { isSince } from "../../lib/seccomp/kernel_release.ts";
import { WITHOUT_UNIFIED } from "./crun.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/**
 * Looks at every process but its own that appears, until it is ended: a line for each state in which one is seen, with
 * its file, its capabilities, whether a filter is on it, its descriptors, and whether it could be traced.
 */
const WATCHER = `
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int seized[65536];

static void look(int pid) {
  char path[64], exe[4096], status[8192], fds[4096] = "";
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t n = readlink(path, exe, sizeof exe - 1);
  if (n <= 0) return;
  exe[n] = 0;
  if (!strcmp(exe, "/")) strcpy(exe, "(sealed)");
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  n = read(file, status, sizeof status - 1);
  close(file);
  if (n <= 0) return;
  status[n] = 0;
  char *caps = strstr(status, "CapPrm:"), *filter = strstr(status, "Seccomp:");
  if (!caps || !filter) return;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    char link[512], target[256];
    snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
    n = readlink(link, target, sizeof target - 1);
    if (n <= 0 || atoi(entry->d_name) < 3) continue;
    target[n] = 0;
    if (strlen(fds) + n + 2 < sizeof fds) strcat(strcat(fds, " "), target);
  }
  if (folder) closedir(folder);
  const char *traced = "no";
  if (!seized[pid] && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) seized[pid] = 1;
  if (seized[pid]) traced = "yes";
  printf("exe=%s caps=%.16s seccomp=%c traced=%s fds=%s\\n", exe, caps + 8, filter[9], traced, fds);
  fflush(stdout);
}

int main(void) {
  for (;;) {
    for (int pid = 2; pid < 400; pid++) look(pid);
    int status, pid;
    while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
      if (WIFSTOPPED(status)) ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
      else if (pid < 65536) seized[pid] = 0;
  }
}
`;

/** What was seen of a process. */
interface Seen {
  readonly exe: string;
  readonly caps: string;
  readonly seccomp: string;
  readonly traced: string;
  readonly fds: string;
}

function seenIn(log: string): Seen[] {
  return log.split("\n").flatMap((line) => {
    const match = line.match(/exe=(.*) caps=(\w+) seccomp=(\d) traced=(\w+) fds=(.*)$/);
    if (match === null) return [];
    const [, exe = "", caps = "", seccomp = "", traced = "", fds = ""] = match;
    return [{ exe, caps, seccomp, traced, fds }];
  });
}

/** The capabilities of the container, of which CAP_SYS_PTRACE lets its root trace whomever it sees. */
const CAPABILITIES = [
  "CAP_SYS_PTRACE",
  "CAP_KILL",
  "CAP_DAC_OVERRIDE",
  "CAP_CHOWN",
  "CAP_SYS_CHROOT",
];
const MASK = 1n << 19n | 1n << 5n | 1n << 1n | 1n << 0n | 1n << 18n;

/** A runtime: a peer's path, or the binary under test; its state folder, and what it is started through. */
interface Runtime {
  readonly binary?: string;
  readonly root: string;
  readonly through?: readonly string[];
}

/** Runs a command of the runtime. */
type Run = (args: readonly string[], through?: readonly string[]) => Promise<Outcome>;

/** How something gets into the pid namespace of a container, which has this id and first process. */
type Enter = (run: Run, id: string, pid: number) => Promise<void>;

/** What is traced may come to its end late, or never. */
const PATIENCE = ["timeout", "-k", "1", "5"];

const exec: Enter = async (run, id) => {
  await run(["exec", id, "/bin/sleep", "0.02"], PATIENCE);
};

/** Another container joins its pid namespace. */
function join(change: (spec: FilledSpec) => void): Enter {
  return async (run, _, pid) => {
    const bundle = await bundles.make("", (spec) => {
      spec.ociVersion = "1.0.2";
      spec.process.args = ["/bin/sleep", "0.02"];
      limitRights(spec);
      change(spec);
      setNamespace(spec, "pid", `/proc/${pid}/ns/pid`);
    });
    const id = bundles.id();
    const detached = [...PATIENCE, "sh", "-c", 'exec "$@" >/dev/null </dev/null 2>"$0"'];
    await run(["create", "-b", bundle, id], [...detached, `${bundle}/log`]);
    await run(["start", id], PATIENCE);
    await run(["delete", "--force", id], PATIENCE);
  };
}

function limitRights({ process }: FilledSpec): void {
  process.capabilities = {
    bounding: CAPABILITIES,
    permitted: CAPABILITIES,
    effective: CAPABILITIES,
  };
  process.noNewPrivileges = false;
}

/**
 * Lets a hostile container watch while a runtime runs a program in it, again and again.
 *
 * @param until what is waited for, where the attack takes luck.
 */
async function watch(
  runtime: Runtime,
  change: (spec: FilledSpec) => void,
  enter: Enter = exec,
  until?: (seen: readonly Seen[]) => boolean,
): Promise<Seen[]> {
  const program = workspace.path("watch");
  await compile(program, WATCHER);
  const bundle = await bundles.make("", (spec) => {
    spec.ociVersion = "1.0.2";
    spec.process.args = ["/watch"];
    limitRights(spec);
    spec.mounts.push({
      destination: "/watch",
      type: "bind",
      source: program,
      options: ["bind", "ro"],
    });
    change(spec);
  });
  const { binary } = runtime;
  const id = bundles.id();
  const log = `${bundle}/log`;
  const run: Run = (args, through = []) =>
    workspace.run(["--root", runtime.root, ...args], {
      binary,
      through: [...through, ...runtime.through ?? []],
    });
  const { code } = await run(["run", "-d", "-b", bundle, id], [
    ...["sh", "-c", 'exec "$@" >"$0" </dev/null 2>&1', log],
  ]);
  assertEquals(code, 0, Deno.readTextFileSync(log));
  try {
    const { stdout } = await run(["state", id]);
    const tries = until === undefined ? 5 : 60;
    for (let i = 0; i < tries; i++) {
      await enter(run, id, JSON.parse(stdout).pid);
      if (until?.(seenIn(Deno.readTextFileSync(log)))) break;
    }
  } finally {
    await run(["delete", "--force", id]);
  }
  return seenIn(Deno.readTextFileSync(log));
}

function isExposed(seen: readonly Seen[]): boolean {
  return capsBeyond(seen).length > 0;
}

function capsBeyond(seen: readonly Seen[]): Seen[] {
  return seen.filter(({ caps }) => (BigInt(`0x${caps}`) & ~MASK) !== 0n);
}

const PEERS = [
  ["runc", "/usr/sbin/runc", []],
  ["crun", "/usr/bin/crun", WITHOUT_UNIFIED],
] as const;

// What a peer leaves behind when it is traced is not looked at.
for (const [name, binary, through] of PEERS) {
  testWith(
    { gcc: HAS_COMPILER, [name]: isInstalled(name) },
    `the attack works on ${name}: a process with all rights is in reach`,
    async () => {
      const runtime = { binary, root: workspace.path(name), through };
      const seen = await watch(runtime, () => {}, exec, isExposed);
      assert(isExposed(seen), JSON.stringify(seen));
    },
  );

  testWith(
    { gcc: HAS_COMPILER, [name]: isInstalled(name) },
    `the attack works on ${name} that makes a container in the same pid namespace`,
    async () => {
      const runtime = { binary, root: workspace.path(`${name}-pid`), through };
      const seen = await watch(runtime, () => {}, join(() => {}), isExposed);
      assert(isExposed(seen), JSON.stringify(seen));
    },
  );
}

async function digest(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(BINARY));
  return new Uint8Array(hash).toHex();
}

const KINDS: Readonly<Record<string, (spec: FilledSpec) => void>> = {
  "without a filter": () => {},
  "with docker's policy": (spec) => spec.linux.seccomp = defaultProfile(CAPABILITIES),
  "with docker's policy and no_new_privs": (spec) => {
    spec.process.noNewPrivileges = true;
    spec.linux.seccomp = defaultProfile(CAPABILITIES);
  },
};

for (const [kind, change] of Object.entries(KINDS)) {
  testWith(
    { gcc: HAS_COMPILER },
    `what joins a container ${kind} is seen as no more than the program, and without the runtime's file`,
    async () => {
      await attack(workspace, async () => {
        const before = await digest();
        assertHarmless(await watch({ root: workspace.path("state") }, change), kind);
        assertEquals(await digest(), before);
      });
    },
  );

  testWith(
    { gcc: HAS_COMPILER, "Linux 6.17": isSince(Deno.osRelease(), "6.17") },
    `a container made ${kind} in the pid namespace of another is seen there as no more than its program`,
    async () => {
      await attack(workspace, async () => {
        const before = await digest();
        const root = workspace.path("state");
        assertHarmless(await watch({ root }, change, join(change)), kind);
        assertEquals(await digest(), before);
      });
    },
  );
}

function assertHarmless(seen: readonly Seen[], kind: string): void {
  assert(seen.length > 5, "nothing was seen");
  assert(seen.some(({ traced }) => traced === "yes"), "nothing could be traced");
  assertEquals(capsBeyond(seen), []);
  for (const { exe, seccomp, fds } of seen) {
    assertMatch(exe, /^\/(memfd:gocontainer \(deleted\)|bin\/busybox|watch)$/);
    if (kind !== "without a filter") assertEquals(seccomp, "2", exe);
    // Sockets to the runtime are all that there may be, and the memfd itself.
    assertMatch(fds, /^( +(socket:\[\d+\]|\/memfd:gocontainer \(deleted\)))*$/);
  }
}
