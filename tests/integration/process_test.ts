/** What a program in a container starts with: rights, limits, descriptors, signals, session. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { compile, HAS_COMPILER } from "./support/program.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Fields of proc_pid_status(5) of a container's first process. */
async function statusOf(...options: string[]): Promise<Map<string, string>> {
  const { stdout } = await workspace.run(
    ["-net=none", ...options, "alpine", "cat", "/proc/self/status"],
  );
  const fields = stdout.trim().split("\n").map((line) => line.split(/:\s*/) as [string, string]);
  return new Map(fields);
}

/** CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP. */
const FOURTEEN = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31]
  .reduce((mask, bit) => mask | 1n << BigInt(bit), 0n).toString(16).padStart(16, "0");
const NONE = "0".repeat(16);

Deno.test("root has exactly the 14 default capabilities, and none to inherit", async () => {
  const status = await statusOf();
  assertEquals(
    ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"].map((name) => status.get(name)),
    [FOURTEEN, FOURTEEN, FOURTEEN, NONE, NONE],
  );
});

Deno.test("another user has no capability, and can gain no more than the 14", async () => {
  const status = await statusOf("-u", "1000");
  assertEquals(
    ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"].map((name) => status.get(name)),
    [NONE, NONE, FOURTEEN, NONE, NONE],
  );
});

Deno.test("new privileges are allowed as in docker, unless -no-new-privileges is given", async () => {
  assertEquals((await statusOf()).get("NoNewPrivs"), "0");
  assertEquals((await statusOf("-no-new-privileges")).get("NoNewPrivs"), "1");
});

Deno.test("-no-new-privileges takes the effect of setuid programs away", async () => {
  await workspace.image("setuid", async (root) => {
    await Deno.chmod(`${root}/usr/bin/iconv`, 0o4755);
    await Deno.writeTextFile(`${root}/secret`, "for root", { mode: 0o600 });
  });
  const read = (...options: string[]) =>
    workspace.run(["-net=none", "-u", "1000", ...options, "setuid", "iconv", "/secret"]);
  assertEquals((await read()).stdout, "for root");
  assertEquals((await read("-no-new-privileges")).stdout, "");
});

Deno.test("of descriptors, a program has standard input, output and error only", async () => {
  const through = ["sh", "-c", 'exec 3</dev/null 7<>"$0" 9</; exec "$@"', workspace.path("open")];
  const told = await workspace.run(["-net=none", "alpine", "/bin/sh", "-c", "ls /proc/1/fd; :"], {
    through,
  });
  assertEquals(told.stdout, "0\n1\n2\n");
});

Deno.test("standard input, output and error are the caller's own", async () => {
  const through = ["sh", "-c", '"$@" <"$0.in" >"$0.out" 2>"$0.err"', workspace.path("std")];
  await Deno.writeTextFile(workspace.path("std.in"), "in");
  const { code } = await workspace.run(
    ["-net=none", "alpine", "/bin/sh", "-c", "cat; echo err >&2"],
    { through },
  );
  assertEquals(code, 0);
  assertEquals(await Deno.readTextFile(workspace.path("std.out")), "in");
  assertEquals(await Deno.readTextFile(workspace.path("std.err")), "err\n");
});

Deno.test("limits of resources are the caller's, untouched", async () => {
  const limits = "ulimit -Sn 321; ulimit -Hn 4321; ulimit -Sc 0; ulimit -Ss 1234; ulimit -Su 5555";
  const through = (command: string) => ["sh", "-c", `${limits}; exec ${command} "$@"`, "sh"];
  const cat = new Deno.Command("sh", {
    args: [...through("").slice(1), "cat", "/proc/self/limits"],
  });
  const expected = new TextDecoder().decode((await cat.output()).stdout);
  assertMatch(expected, /Max open files +321 +4321 /);
  const { stdout } = await workspace.run(["-net=none", "alpine", "cat", "/proc/self/limits"], {
    through: through(""),
  });
  assertEquals(stdout, expected);
});

Deno.test("no signal is ignored, caught or blocked, whatever the caller does", async () => {
  const through = ["env", "--ignore-signal=USR1,TERM,CHLD,PIPE", "--block-signal=USR2,WINCH,IO"];
  const { stdout } = await workspace.run(["-net=none", "alpine", "cat", "/proc/self/status"], {
    through,
  });
  for (const field of ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"]) {
    assertMatch(stdout, new RegExp(`^${field}:\\s+${NONE}$`, "m"));
  }
});

Deno.test("a pipe inside ends by SIGPIPE as it should", async () => {
  assertEquals(await workspace.sh("yes | head -n 1; echo done"), "y\ndone");
});

Deno.test("the program leads a session and process group of its own", async () => {
  const { stdout } = await workspace.run(["-net=none", "alpine", "cat", "/proc/self/stat"]);
  const [pid, , , parent, group, session, terminal] = stdout.split(" ");
  assertEquals([pid, parent, group, session, terminal], ["1", "0", "1", "1", "0"]);
});

Deno.test("umask and out-of-memory score are the usual ones", async () => {
  assertEquals(await workspace.sh("umask; cat /proc/self/oom_score_adj"), "0022\n0");
});

/** keyctl(2): `add NAME COMMAND…` makes a session keyring with a key and runs a command, `find NAME` looks for it. */
const KEYS = `
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long session = -3;
  if (argc > 3 && !strcmp(argv[1], "add")) {
    if (syscall(SYS_keyctl, 1, "the-test") < 0) return 2;
    if (syscall(SYS_add_key, "user", argv[2], "secret", 6, session) < 0) return 3;
    execvp(argv[3], argv + 3);
    return 4;
  }
  long id = syscall(SYS_keyctl, 0, session, 0);
  char text[256] = "";
  syscall(SYS_keyctl, 6, id, text, sizeof text);
  long found = syscall(SYS_keyctl, 10, session, "user", argv[2], 0);
  printf("%s\\n%s\\n", text, found < 0 ? strerror(errno) : "found");
  return 0;
}
`;

Deno.test({
  name: "the keyring of the session is the container's own",
  ignore: !HAS_COMPILER,
  fn: async () => {
    const program = workspace.path("keys");
    await compile(program, KEYS);
    const name = `gocontainer-test-${Deno.pid}`;
    const add = [program, "add", name];
    const outside = await new Deno.Command(add[0], {
      args: [...add.slice(1), program, "find", name],
    }).output();
    assertMatch(new TextDecoder().decode(outside.stdout), /;the-test\nfound\n$/);
    // The usual policy lets nobody ask for keys at all.
    const options = ["-net=none", "-name", "keyed", "-security", "seccomp=unconfined"];
    const inside = await workspace.run(
      [...options, "-v", `${program}:/keys`, "alpine", "/keys", "find", name],
      { through: add },
    );
    assertMatch(inside.stdout, /^keyring;0;0;[0-9a-f]+;.+\nRequired key not available\n$/);
    assertNotEquals(inside.stdout.split(";")[4].split("\n")[0], "the-test");
  },
});

Deno.test("the working folder is / unless -w says otherwise", async () => {
  assertEquals(await workspace.sh("pwd"), "/");
  assertEquals(await workspace.sh("pwd", "-w", "/usr/bin"), "/usr/bin");
  assertEquals(await workspace.sh("pwd", "-w", "/usr//bin/../lib/"), "/usr/lib");
});

Deno.test("a missing working folder is made, in the container only", async () => {
  const script = "pwd; stat -c '%a %u' /a /a/b /a/b/c; echo; hostname";
  const [seen, id] = (await workspace.sh(script, "-w", "/a/b/c")).split("\n\n");
  assertEquals(seen, "/a/b/c\n755 0\n755 0\n755 0");
  assert((await Deno.stat(workspace.path(`containers/${id}/upper/a/b/c`))).isDirectory);
  const image = [...Deno.readDirSync(await workspace.alpine())].map(({ name }) => name);
  assertEquals(image.includes("a"), false);
});

Deno.test("a command is looked up from the working folder when it has a slash", async () => {
  const { stdout } = await workspace.run(["-net=none", "-w", "/bin", "alpine", "./echo", "hi"]);
  assertEquals(stdout, "hi\n");
});

/**
 * More than the limit of 32 MiB, by a child of the shell, with which the shell ends, or after which it goes on. The
 * kernel, which may kill one more before the first is gone, is told whom to spare.
 */
const TOO_MUCH =
  "(echo 1000 >/proc/self/oom_score_adj; head -c 100000000 /dev/zero | tail >/dev/null)";

for (
  const [script, code, told] of [
    [TOO_MUCH, 137, /^killed: /],
    [`${TOO_MUCH}; exit 5`, 5, /^(1 process|[23] processes) killed: /],
    [`${TOO_MUCH}; ${TOO_MUCH}; exit 0`, 0, /^[2-6] processes killed: /],
    ["exit 137", 137, undefined],
  ] as const
) {
  Deno.test(`an out-of-memory kill is told, whatever becomes of the program: ${script}`, async () => {
    const outcome = await workspace.run(
      ["-rm", "-net=none", "-mem", "32M", "alpine", "/bin/sh", "-c", script],
    );
    const own = outcome.stderr.match(/^gocontainer: (.*)$/m)?.[1];
    assertEquals(outcome.code, code);
    assertMatch(own ?? "", told ?? /^$/);
    assertEquals(own?.endsWith("out of memory (limit 32 MiB)"), told && true);
  });
}
