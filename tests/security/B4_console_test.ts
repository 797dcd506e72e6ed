/**
 * Row B4: an image that puts something in the place of /dev/console or /dev/pts, over which the terminal
 * is bound (CVE-2025-52565).
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const CHECK = "tty; stat -c '%t:%T' /dev/console; echo by-console > /dev/console";

for (const name of ["console", "pts", "ptmx", "tty"]) {
  Deno.test(`an image whose /dev/${name} is a link to the host gets a terminal of its own`, async () => {
    await attack(workspace, async ({ folder }) => {
      await workspace.image(`link-${name}`, async (root) => {
        await Deno.remove(`${root}/dev/${name}`, { recursive: true }).catch(() => {});
        await Deno.symlink(`../../../../../..${folder}`, `${root}/dev/${name}`);
      });
      const { code, stdout } = await workspace.run(
        ["-t", "-net=none", `link-${name}`, "/bin/sh", "-c", CHECK],
      );
      assertEquals([code, stdout], [0, "/dev/pts/0\r\n88:0\r\nby-console\r\n"]);
    });
  });
}

Deno.test("a volume over /dev with a link as console: it is followed inside only", async () => {
  await attack(workspace, async ({ file }) => {
    const dev = workspace.path("dev");
    await Deno.mkdir(`${dev}/pts`, { recursive: true });
    await Deno.symlink(file, `${dev}/console`);
    const { code, stderr } = await workspace.run(
      ["-t", "-net=none", "-v", `${dev}:/dev`, "alpine", "true"],
    );
    assertEquals(code, 125);
    assertMatch(stderr, /open a terminal of its own/);
    assertEquals([...Deno.readDirSync(dev)].map(({ name }) => name).sort(), ["console", "pts"]);
  });
});

Deno.test("a container that puts a pipe in the place of ptmx: exec -t refuses it and never opens it", async () => {
  const script = `mount -t tmpfs tmpfs /dev/pts && mkfifo /dev/pts/ptmx && echo ready
    cat /dev/pts/ptmx; echo opened > /seen; sleep 1000`;
  const running = workspace.start(
    ["-net=none", "-cap-add", "SYS_ADMIN", "alpine", "sh", "-c", script],
  );
  const { id } = await running.record();
  await running.says(/ready/);
  const { code, stderr } = await workspace.run(["exec", "-t", id, "tty"]);
  assertEquals(code, 255, stderr);
  assertMatch(stderr, /open a terminal of its own: \/dev\/pts\/ptmx is not a devpts file/);
  const seen = await workspace.run(["exec", id, "test", "-e", "/seen"]);
  assertEquals(seen.code, 1);
  await workspace.run(["kill", id, "KILL"]);
  await running.end();
});
