/** The devices of a container: nodes, links, and what the cgroup lets through. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { entriesOf } from "./support/project.ts";
import { Terminal } from "./support/terminal.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

Deno.test("/dev has the six standard nodes, the links of the specification, and nothing else", async () => {
  const lines = await workspace.sh(
    "for f in $(ls /dev); do stat -c '%n %F %a %u:%g %t:%T' /dev/$f; readlink /dev/$f; done; true",
  );
  const link = "symbolic link 777 0:0 0:0";
  const device = "character special file 666 0:0";
  // Only where the kernel has that file.
  const hasCore = entriesOf("/proc").some(({ name }) => name === "kcore");
  assertEquals(lines.split("\n"), [
    ...hasCore ? [`/dev/core ${link}`, "/proc/kcore"] : [],
    ...[`/dev/fd ${link}`, "/proc/self/fd"],
    `/dev/full ${device} 1:7`,
    "/dev/mqueue directory 1777 0:0 0:0",
    `/dev/null ${device} 1:3`,
    ...[`/dev/ptmx ${link}`, "pts/ptmx"],
    "/dev/pts directory 755 0:0 0:0",
    `/dev/random ${device} 1:8`,
    "/dev/shm directory 1777 0:0 0:0",
    ...[`/dev/stderr ${link}`, "/proc/self/fd/2"],
    ...[`/dev/stdin ${link}`, "/proc/self/fd/0"],
    ...[`/dev/stdout ${link}`, "/proc/self/fd/1"],
    `/dev/tty ${device} 5:0`,
    `/dev/urandom ${device} 1:9`,
    `/dev/zero ${device} 1:5`,
  ]);
});

Deno.test("the devices work, also for a user other than root", async () => {
  const script = "head -c 4 /dev/zero | od -An -tx1; head -c 8 /dev/urandom | wc -c; " +
    "head -c 8 /dev/random | wc -c; echo lost > /dev/null; wc -c < /dev/null; " +
    "echo x 2>&1 > /dev/full | grep -c 'No space'; echo out > /dev/stdout; ls -d /dev/fd/1";
  const expected = "00 00 00 00\n8\n8\n0\n1\nout\n/dev/fd/1";
  for (const user of ["root", "nobody"]) {
    assertEquals((await workspace.sh(script, "-u", user)).trim(), expected, user);
  }
});

Deno.test("without a terminal there is no controlling one: /dev/tty cannot be opened", async () => {
  assertMatch(await workspace.sh("(: < /dev/tty) 2>&1; true"), /No such device or address/);
});

Deno.test("/dev/ptmx gives a pty of the container's own instance", async () => {
  const told = await workspace.sh("exec 3<> /dev/ptmx; ls /dev/pts; cat /proc/self/fdinfo/3");
  assertMatch(told, /^0\nptmx\n/);
});

Deno.test("/dev/console is there with a terminal, and is it; without one it is not there", async () => {
  assertEquals(
    await workspace.sh("ls /dev/console 2>&1 | wc -l; ls /dev | grep -c con; true"),
    "1\n0",
  );
  using terminal = new Terminal();
  const script = "stat -c '%t:%T %F %u' /dev/console /dev/pts/0; echo by-console > /dev/console; " +
    "grep ' /dev/console ' /proc/self/mountinfo";
  const running = terminal.start(workspace, ["-net=none", "alpine", "/bin/sh", "-c", script]);
  assertEquals((await running.end()).code, 0);
  const lines = terminal.shown.trim().split("\r\n");
  assertEquals(lines.slice(0, 3), [
    "88:0 character special file 0",
    "88:0 character special file 0",
    "by-console",
  ]);
  assertMatch(lines[3], / \/0 \/dev\/console rw,.* - devpts devpts /);
});

Deno.test("other devices cannot be used, though their nodes can be made", async () => {
  for (const device of ["b 8 0", "b 254 0", "c 1 1", "c 10 229", "b 7 0"]) {
    const script = `mknod /tmp/d ${device} && (: < /tmp/d) 2>&1; echo $?`;
    assertMatch(await workspace.sh(script), /Operation not permitted\n1$/, device);
  }
});

Deno.test("the nodes are not to be had through /dev of the image either", async () => {
  await workspace.image("nodes", async (root) => {
    const { success } = await new Deno.Command("mknod", {
      args: [`${root}/dev/kmsg`, "c", "1", "11"],
    })
      .output();
    assert(success);
  });
  const { stdout } = await workspace.run(["-net=none", "nodes", "ls", "/dev/kmsg"]);
  assertEquals(stdout, "");
});
