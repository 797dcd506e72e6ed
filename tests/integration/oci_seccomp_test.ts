/** linux.seccomp, as it is felt inside. What the compiled filters decide has tests of its own. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Seccomp } from "../../lib/oci/spec.ts";
import { Bundles, mapUsers } from "./support/bundle.ts";
import { compile, HAS_COMPILER } from "./support/program.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const NO_FOLDERS: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
};

for (const noNewPrivileges of [true, false]) {
  for (const uid of [0, 1000]) {
    for (const mapped of [false, true]) {
      const where = mapped ? " in a user namespace" : "";
      Deno.test(`a filter holds for user ${uid}${where}, no_new_privs ${noNewPrivileges}`, async () => {
        const script =
          "grep -E '^(Seccomp|NoNewPrivs|Cap(Prm|Eff))' /proc/self/status; mkdir /tmp/x 2>&1";
        const { stdout } = await bundles.run(script, (spec) => {
          if (mapped) mapUsers(spec);
          spec.process.user = { uid, gid: uid };
          spec.process.noNewPrivileges = noNewPrivileges;
          spec.process.capabilities = {
            bounding: ["CAP_KILL"],
            permitted: ["CAP_KILL"],
            effective: ["CAP_KILL"],
          };
          spec.linux.seccomp = NO_FOLDERS;
        });
        assertMatch(stdout, /Seccomp:\t2\n/);
        assertStringIncludes(stdout, `NoNewPrivs:\t${noNewPrivileges ? 1 : 0}`);
        assertStringIncludes(stdout, "Not supported");
        // What loading it took is gone.
        const mask = uid === 0 ? "0000000000000020" : "0000000000000000";
        assertStringIncludes(stdout, `CapPrm:\t${mask}\nCapEff:\t${mask}`);
      });
    }
  }
}

Deno.test("exec is under the container's filter as well", async () => {
  await bundles.during((spec) => spec.linux.seccomp = NO_FOLDERS, async (id) => {
    const { stderr } = await bundles.command(["exec", id, "mkdir", "/tmp/x"]);
    assertStringIncludes(stderr, "Not supported");
  });
});

for (const noNewPrivileges of [true, false]) {
  for (const denied of ["clone", "setsid", "execveat", "capset", "read"]) {
    // Without no_new_privs, what loading the filter took is given up under it.
    if (denied === "capset" && !noNewPrivileges) continue;
    Deno.test(`exec under a filter that denies ${denied}, no_new_privs ${noNewPrivileges}`, async () => {
      await bundles.during((spec) => {
        spec.process.noNewPrivileges = noNewPrivileges;
        spec.process.args = ["/bin/sleep", "1000"];
        spec.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: [denied], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
        };
      }, async (id) => {
        const { code, stdout, stderr } = await bundles.command(["exec", id, "/bin/echo", "ran"]);
        assertEquals([code, stdout], [0, "ran\n"], stderr);
      });
    });
  }
}

Deno.test({
  name: "a filter that knows next to nothing lets the program be started",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const program = workspace.path("seven");
    await compile(
      program,
      `#include <unistd.h>
       #include <sys/syscall.h>
       int main(void) { syscall(SYS_write, 1, "hi", 2); syscall(SYS_exit_group, 7); return 0; }`,
    );
    // What the C library does before main.
    const names = ["execve", "exit_group", "write", "brk", "arch_prctl", "set_tid_address"];
    names.push("set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat", "getrandom");
    names.push("mprotect", "uname", "newfstatat", "fstat");
    for (const noNewPrivileges of [true, false]) {
      const { code, stdout, stderr } = await bundles.run("", (spec) => {
        spec.process.args = ["/seven"];
        spec.process.noNewPrivileges = noNewPrivileges;
        spec.mounts.push({
          destination: "/seven",
          type: "bind",
          source: program,
          options: ["bind"],
        });
        spec.linux.seccomp = {
          defaultAction: "SCMP_ACT_KILL_PROCESS",
          syscalls: [{
            // Without no_new_privs two calls come after it: rights given up, and a descriptor closed.
            names: noNewPrivileges ? names : [...names, "capset", "fcntl"],
            action: "SCMP_ACT_ALLOW",
          }],
        };
      });
      assertEquals([code, stdout], [7, "hi"], stderr);
    }
  },
});

/** Takes the listener, tells of it, and answers every call: mkdir with error 42, all others go on. */
const AGENT = `
import array, fcntl, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print("ready", flush=True)
c, _ = s.accept()
message, control, _, _ = c.recvmsg(65536, socket.CMSG_LEN(16))
fds = array.array("i"); fds.frombytes(control[0][2][:4])
print(message.decode(), os.readlink(f"/proc/self/fd/{fds[0]}"), flush=True)
while True:
  request = bytearray(80)
  try: fcntl.ioctl(fds[0], 0xc0502100, request)
  except OSError: break
  number, = struct.unpack_from("<Q", request); call, = struct.unpack_from("<i", request, 16)
  refuse = call in (83, 258, 34)
  try: fcntl.ioctl(fds[0], 0xc0182101, struct.pack("<Qqii", number, 0, -42 if refuse else 0, 0 if refuse else 1))
  except OSError: pass
`;

Deno.test("a listener gets what it is asked about, with the container's state", async () => {
  for (const noNewPrivileges of [true, false]) {
    const socket = workspace.path(`agent-${noNewPrivileges}`);
    const agent = workspace.start(["-c", AGENT, socket], { binary: "/usr/bin/python3" });
    await agent.says(/ready/);
    const id = bundles.id();
    const bundle = await bundles.make("mkdir /tmp/x 2>&1; true", (spec) => {
      spec.process.noNewPrivileges = noNewPrivileges;
      spec.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: socket,
        listenerMetadata: "mine",
        // Also calls that the runtime itself still makes under the filter.
        syscalls: [{ names: ["mkdir", "mkdirat", "recvmsg", "capset"], action: "SCMP_ACT_NOTIFY" }],
      };
    });
    const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, id]);
    agent.kill("SIGTERM");
    await agent.end();
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "No message of desired type");
    assertMatch(agent.stdout, /"fds":\["seccompFd"\].*"metadata":"mine"/);
    assertStringIncludes(agent.stdout, `"id":"${id}","status":"creating"`);
    assertStringIncludes(agent.stdout, "anon_inode:seccomp notify");
  }
});

Deno.test("a listener that nobody takes is an error, and nothing runs", async () => {
  const { code, stdout, stderr } = await bundles.run("echo ran", (spec) => {
    spec.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: workspace.path("nobody"),
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    };
  });
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "seccomp listener");
});
