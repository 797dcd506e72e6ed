/**
 * Row A1: an image has its program run by `/proc/self/exe` (CVE-2019-5736), so that the runtime's own file
 * becomes a process of the container, which then writes over that file.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Bundles, type FilledSpec, mapUsers } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { BINARY, host } from "../integration/support/project.ts";
import { defaultProfile } from "../../lib/seccomp/default_profile.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

async function digest(file: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(file));
  return new Uint8Array(hash).toHex();
}

Deno.test("a script of the interpreter /proc/self/exe does not run the runtime", async () => {
  const bundle = await bundles.make("");
  const evil = `${bundle}/rootfs/evil`;
  Deno.writeTextFileSync(evil, "#!/proc/self/exe\n");
  Deno.chmodSync(evil, 0o755);
  const file = `${bundle}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(file));
  spec.process.args = ["/evil", "--version"];
  Deno.writeTextFileSync(file, JSON.stringify(spec));
  const { code, stdout } = await bundles.command(["run", "-b", bundle, bundles.id()]);
  assertEquals([code, stdout], [127, ""]);

  await bundles.during((spec) => {
    spec.mounts.push({ destination: "/evil", type: "bind", source: evil, options: ["bind"] });
  }, async (id) => {
    const outcome = await bundles.command(["exec", id, "/evil", "--version"]);
    assertEquals([outcome.code, outcome.stdout], [127, ""]);
  });
});

/**
 * What takes the runtime's place: as the loader of a program (PT_INTERP is `/proc/self/exe`) it would be
 * mapped by the kernel; and this one opens what /proc says the runtime is, to write over it afterwards.
 */
const WATCHER = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <errno.h>
int main(void) {
  int opened = 0, refused = 0, own;
  char path[64], link[4096];
  ssize_t length = readlink("/proc/self/exe", link, sizeof link);
  for (;;) {
    for (int pid = 2; pid < 40; pid++) {
      snprintf(path, sizeof path, "/proc/%d/exe", pid);
      char there[4096];
      ssize_t n = readlink(path, there, sizeof there);
      if (n < 0) { if (errno == EACCES || errno == EPERM) refused++; continue; }
      own = n == length && !__builtin_memcmp(there, link, n);
      if (own || n < 4) continue;
      if (open(path, O_PATH) >= 0) { write(1, there, n); write(1, "\\n", 1); opened++; }
    }
    usleep(200);
  }
  (void) refused;
  return 0;
}`;

Deno.test({
  name: "a joining process does not show the runtime's file to the container",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const watcher = workspace.path("watcher");
    await compile(watcher, WATCHER);
    const before = await digest(BINARY);
    const log = workspace.path("seen");
    Deno.writeTextFileSync(log, "");
    await bundles.during((spec) => {
      spec.process.args = ["/bin/sh", "-c", "exec /watcher > /seen"];
      spec.mounts.push(
        { destination: "/watcher", type: "bind", source: watcher, options: ["bind", "ro"] },
        { destination: "/seen", type: "bind", source: log, options: ["bind"] },
      );
    }, async (id) => {
      for (let i = 0; i < 10; i++) {
        const { code, stderr } = await bundles.command(["exec", id, "/bin/true"]);
        assertEquals(code, 0, stderr);
      }
    });
    const seen = Deno.readTextFileSync(log).split("\n").filter((line) => line !== "");
    // The launcher in its memfd, and what is run, are all there is to be seen.
    for (const path of seen) assertMatch(path, /^\/(memfd:gocontainer \(deleted\)|bin\/\w+)$/);
    assertEquals(await digest(BINARY), before);
  },
});

/** Sees which file the first process is, what it has open, and may write over and take over. */
const LOOK = [
  "readlink /proc/1/exe; grep CapPrm: /proc/1/status; ls -l /proc/1/fd | grep -v ' [0-2] -> '",
  "grep -c gocontainer$ /proc/1/maps; echo over 2>/dev/null >/proc/1/exe || echo sealed",
].join("; ");

/** All rights, to which one that a process lacks could be told by. */
function mayTrace(spec: FilledSpec): void {
  const capabilities = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_KILL"];
  spec.process.capabilities = {
    bounding: capabilities,
    permitted: capabilities,
    effective: capabilities,
  };
  spec.process.noNewPrivileges = false;
}

async function created(
  change: (spec: FilledSpec) => void,
  body: (id: string) => Promise<void>,
): Promise<void> {
  const bundle = await bundles.make("echo started", (spec) => {
    mayTrace(spec);
    change(spec);
  });
  const id = bundles.id();
  const log = `${bundle}/log`;
  const { code } = await bundles.command(["create", "-b", bundle, id], {
    through: ["sh", "-c", 'exec "$@" >"$0" </dev/null 2>&1', log],
  });
  assertEquals(code, 0, Deno.readTextFileSync(log));
  try {
    await body(id);
    const started = await bundles.command(["start", id]);
    assertEquals([started.code, started.stderr], [0, ""]);
    await bundles.command(["kill", id, "0"]);
    for (let i = 0; i < 50 && !Deno.readTextFileSync(log).includes("started"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(Deno.readTextFileSync(log), "started\n");
  } finally {
    await bundles.command(["delete", "--force", id]);
  }
}

/**
 * A loader of programs that needs no other one: it writes down, in the image, which file its process is. Once that is
 * the runtime's, it could open it, become another program, and write over it.
 */
const LOADER = `static long call(long n, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
void _start(void) {
  static char path[4096];
  long length = call(89, (long) "/proc/self/exe", (long) path, sizeof path);
  long log = call(2, (long) "/seen", 02101, 0644);
  call(1, log, (long) path, length);
  call(231, 0, 0, 0);
}`;

Deno.test({
  name: "a hook of the image does not run the runtime, with a loader of the image's",
  ignore: !HAS_COMPILER || Deno.build.arch !== "x86_64",
  fn: async () => {
    const loader = workspace.path("loader");
    Deno.writeTextFileSync(`${loader}.c`, LOADER);
    await host("gcc", "-static", "-nostdlib", "-O1", "-o", loader, `${loader}.c`);
    const before = await digest(BINARY);
    for (const change of [() => {}, mapUsers]) {
      const bundle = await bundles.make("true", (spec) => {
        change(spec);
        spec.hooks = { startContainer: [{ path: "/hook" }] };
      });
      Deno.mkdirSync(`${bundle}/rootfs/lib64`);
      Deno.copyFileSync(loader, `${bundle}/rootfs/lib64/ld-linux-x86-64.so.2`);
      Deno.chmodSync(`${bundle}/rootfs/lib64/ld-linux-x86-64.so.2`, 0o755);
      Deno.writeTextFileSync(`${bundle}/rootfs/hook`, "#!/proc/self/exe\n");
      Deno.chmodSync(`${bundle}/rootfs/hook`, 0o755);
      Deno.writeTextFileSync(`${bundle}/rootfs/seen`, "");
      Deno.chmodSync(`${bundle}/rootfs/seen`, 0o666);
      const { code, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
      assertEquals(Deno.readTextFileSync(`${bundle}/rootfs/seen`), "");
      assertEquals(code, 1);
      assertStringIncludes(stderr, 'hook "/hook": it ended with 127');
    }
    assertEquals(await digest(BINARY), before);
  },
});

Deno.test("a hook that may trace finds no runtime in the container", async () => {
  const hook = { path: "/bin/sh", args: ["sh", "-c", LOOK], env: ["PATH=/bin:/usr/bin"] };
  for (const change of [() => {}, mapUsers]) {
    const { code, stdout, stderr } = await bundles.run("true", (spec) => {
      mayTrace(spec);
      change(spec);
      spec.hooks = { startContainer: [hook] };
    });
    assertEquals(code, 0, stderr);
    const [exe, caps, ...rest] = stdout.trimEnd().split("\n");
    assertEquals(exe, "/memfd:gocontainer (deleted)");
    assertEquals(caps, "CapPrm:\t0000000000080022");
    assertEquals(rest.slice(-2), ["0", "sealed"]);
    for (const line of rest.slice(0, -2)) assertMatch(line, /^total 0$| -> socket:\[\d+\]$/);
  }
});

const POLICIES: Readonly<Record<string, (spec: FilledSpec) => void>> = {
  "without a filter": () => {},
  "and its hooks": (spec) => spec.hooks = { startContainer: [{ path: "/bin/true" }] },
  "with docker's policy": (spec) => spec.linux.seccomp = defaultProfile(["CAP_SYS_PTRACE"]),
  "with docker's policy and no_new_privs": (spec) => {
    spec.process.noNewPrivileges = true;
    spec.linux.seccomp = defaultProfile(["CAP_SYS_PTRACE"]);
  },
};

for (const [policy, change] of Object.entries(POLICIES)) {
  Deno.test(`what waits for its start ${policy} is no more than the program`, async () => {
    const before = await digest(BINARY);
    await created(change, async (id) => {
      const { code, stdout, stderr } = await bundles.command(["exec", id, "sh", "-c", LOOK]);
      assertEquals([code, stderr], [0, ""]);
      const [exe, caps, ...rest] = stdout.trimEnd().split("\n");
      assertEquals(exe, "/memfd:gocontainer (deleted)");
      // CAP_DAC_OVERRIDE, CAP_KILL and CAP_SYS_PTRACE.
      assertEquals(caps, "CapPrm:\t0000000000080022");
      assertEquals(rest.slice(-2), ["0", "sealed"]);
      for (const line of rest.slice(0, -2)) assertMatch(line, /^total 0$| -> socket:\[\d+\]$/);
    });
    assertEquals(await digest(BINARY), before);
  });
}

Deno.test("the runtime itself, where a filter has it wait, meets nobody who may trace it", async () => {
  const filter = (spec: FilledSpec) => {
    const names = ["accept4"];
    spec.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names, action: "SCMP_ACT_ERRNO" }],
    };
  };
  await created(filter, async (id) => {
    const { code, stdout, stderr } = await bundles.command(["exec", id, "sh", "-c", LOOK]);
    assertEquals([code, stdout], [255, ""]);
    assertStringIncludes(stderr, "with CAP_SYS_PTRACE it would reach what starts the container");
  });
  // Whoever may not is not refused, and sees nothing.
  const weak = (spec: FilledSpec) => {
    filter(spec);
    spec.process.capabilities = { bounding: [], permitted: [], effective: [] };
  };
  await created(weak, async (id) => {
    const { code, stdout } = await bundles.command(["exec", id, "readlink", "/proc/1/exe"]);
    assertEquals([code, stdout], [1, ""]);
  });
});

/** Tells the seals of the file that the first process runs, fcntl(2). */
const SEALS = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
int main(void) {
  printf("%d\\n", fcntl(open("/proc/1/exe", O_RDONLY), F_GET_SEALS));
  return 0;
}`;

Deno.test({
  name: "the launcher can be written over by nobody, nor be made longer, shorter or unsealed",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const program = workspace.path("seals");
    await compile(program, SEALS);
    const bind = { type: "bind", source: program, options: ["bind", "ro"] };
    await created((spec) => spec.mounts.push({ destination: "/seals", ...bind }), async (id) => {
      const { stdout } = await bundles.command(["exec", id, "/seals"]);
      const F_SEAL_SEAL_SHRINK_GROW_WRITE = 0xf;
      assertMatch(stdout, /^\d+\n$/);
      assertEquals(Number(stdout) & F_SEAL_SEAL_SHRINK_GROW_WRITE, F_SEAL_SEAL_SHRINK_GROW_WRITE);
    });
  },
});
