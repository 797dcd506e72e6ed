/** `-u USER[:GROUP]`: who the program runs as. */

import { assertEquals, assertMatch } from "@std/assert";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Real, effective, saved and file system ids, and the other groups: proc_pid_status(5). */
async function ids(user: string): Promise<string[]> {
  const { stdout } = await workspace.run(
    ["-net=none", "-u", user, "alpine", "grep", "-E", "^(Uid|Gid|Groups):", "/proc/self/status"],
  );
  return stdout.trim().split("\n").map((line) => line.split(/:\s*/)[1].trim().replace(/\s+/g, " "));
}

const four = (id: number) => `${id} ${id} ${id} ${id}`;

const CASES: readonly (readonly [user: string, uid: number, gid: number, groups: string])[] = [
  ["root", 0, 0, "0 1 2 3 4 6 10 11 20 26 27"],
  ["0", 0, 0, "0 1 2 3 4 6 10 11 20 26 27"],
  ["daemon", 2, 2, "1 2 4"],
  ["2", 2, 2, "1 2 4"],
  ["daemon:adm", 2, 4, "4"],
  ["daemon:77", 2, 77, "77"],
  ["4711", 4711, 0, "0"],
  ["4711:4712", 4711, 4712, "4712"],
  ["4711:daemon", 4711, 2, "2"],
  ["nobody", 65534, 65534, "65534"],
  [":adm", 0, 4, "4"],
  ["2147483647:2147483647", 2147483647, 2147483647, "2147483647"],
];

for (const [user, uid, gid, groups] of CASES) {
  Deno.test(`-u ${user} is ${uid}:${gid} with the groups ${groups}`, async () => {
    assertEquals(await ids(user), [four(uid), four(gid), groups]);
  });
}

Deno.test("without -u it is root", async () => {
  assertMatch(await workspace.sh("id"), /^uid=0\(root\) gid=0\(root\) groups=0\(root\),1\(bin\)/);
});

Deno.test("another user cannot write what is root's, and owns what it makes", async () => {
  const script = "touch /etc/x 2>&1; touch /tmp/x; stat -c '%u:%g' /tmp/x; cat /etc/shadow 2>&1";
  const told = await workspace.run(
    ["-net=none", "-u", "1000:1001", "alpine", "/bin/sh", "-c", script],
  );
  assertEquals(
    told.stdout,
    "touch: /etc/x: Permission denied\n1000:1001\ncat: can't open '/etc/shadow': Permission denied\n",
  );
});

Deno.test("a working folder that is missing is root's, also for another user", async () => {
  assertEquals(await workspace.sh("stat -c %u .", "-u", "1000", "-w", "/new"), "0");
});

/** Account files of an image that are something else: none may hang, or make root of somebody. */
const ACCOUNTS: readonly (readonly [kind: string, script: string, error: RegExp])[] = [
  ["a link to a file of the host", 'ln -sf "$0/passwd" passwd', /has no such user$/],
  ["a fifo", "rm passwd; mkfifo passwd", /\/etc\/passwd: it is not a regular file$/],
  ["a device", "rm passwd; mknod passwd c 1 5", /\/etc\/passwd: it is not a regular file$/],
  ["without end", "truncate -s 11M passwd", /\/etc\/passwd: it has more than 10 MiB$/],
  ["a number too large", 'echo "u:x:4294967296:0::/:" > passwd', /has no such user$/],
];

for (const [kind, script, error] of ACCOUNTS) {
  Deno.test(`-u NAME with an /etc/passwd that is ${kind}`, async () => {
    const image = kind.replaceAll(" ", "-");
    await Deno.writeTextFile(workspace.path("passwd"), "u:x:0:0::/:\n");
    await workspace.image(image, async (root) => {
      const args = ["-c", `cd '${root}/etc'; ${script}`, workspace.folder];
      const { success } = await new Deno.Command("sh", { args }).output();
      assertEquals(success, true);
    });
    const { code, stdout, stderr } = await workspace.run(["-net=none", "-u", "u", image, "id"]);
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr.split("\n")[0], error);
  });
}

Deno.test("a number is never a name, though an account is called so", async () => {
  await workspace.image(
    "numbers",
    (root) => Deno.writeTextFile(`${root}/etc/passwd`, "1000:x:0:0::/root:/bin/sh\n"),
  );
  const { stdout } = await workspace.run(["-net=none", "-u", "1000", "numbers", "id", "-u"]);
  assertEquals(stdout, "1000\n");
});
