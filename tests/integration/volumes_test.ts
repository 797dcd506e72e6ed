/** `-v SRC:DST[:ro]`: files and folders of the host inside. */

import { assertEquals, assertMatch } from "@std/assert";
import { host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

async function folder(name: string): Promise<string> {
  const path = workspace.path(name);
  await Deno.mkdir(`${path}/sub`, { recursive: true });
  await Deno.writeTextFile(`${path}/file`, "the host's\n");
  return path;
}

Deno.test("a folder of the host is there to be read and written", async () => {
  const path = await folder("rw");
  assertEquals(
    await workspace.sh("cat /v/file; echo more >> /v/file", "-v", `${path}:/v`),
    "the host's",
  );
  assertEquals(await Deno.readTextFile(`${path}/file`), "the host's\nmore\n");
  assertEquals(await workspace.sh("echo w > /v/new", "-v", `${path}:/v:rw`), "");
  assertEquals(await Deno.readTextFile(`${path}/new`), "w\n");
});

Deno.test("a single file too, in place of one of the image or in a folder that is made", async () => {
  const path = await folder("file");
  const options = ["-v", `${path}/file:/etc/motd`, "-v", `${path}/file:/new/place/name`];
  const script = "cat /etc/motd /new/place/name; echo changed > /new/place/name; cat /etc/motd";
  assertEquals(await workspace.sh(script, ...options), "the host's\nthe host's\nchanged");
  assertEquals(await Deno.readTextFile(`${path}/file`), "changed\n");
});

Deno.test("a relative source is one of the current folder", async () => {
  await folder("relative");
  assertEquals(await workspace.sh("cat /v/file", "-v", "relative:/v"), "the host's");
  assertEquals(await workspace.sh("cat /v/file", "-v=./relative/sub/..:/v"), "the host's");
});

Deno.test(":ro is read-only, with all that is mounted below", async () => {
  const path = await folder("ro");
  await host("mount", "-t", "tmpfs", "below", `${path}/sub`);
  try {
    await Deno.writeTextFile(`${path}/sub/deep`, "deep\n");
    const script = "cat /v/sub/deep; for f in /v/file /v/new /v/sub/deep /v/sub/new; do " +
      "(echo x > $f) 2>&1; done; mount -o remount,rw /v 2>&1; true";
    const told = await workspace.sh(script, "-v", `${path}:/v:ro`);
    assertEquals(told.split("\n")[0], "deep");
    assertEquals(told.match(/Read-only file system/g)?.length, 4, told);
    assertMatch(told, /permission denied/i);
    // The host's own mounts stay writable.
    await Deno.writeTextFile(`${path}/sub/deep`, "still");
    await Deno.writeTextFile(`${path}/file`, "still");
  } finally {
    await host("umount", `${path}/sub`);
  }
});

Deno.test("without :ro what is mounted below is there to be written", async () => {
  const path = await folder("below");
  await host("mount", "-t", "tmpfs", "below", `${path}/sub`);
  try {
    await workspace.sh("echo in > /v/sub/new", "-v", `${path}:/v`);
    assertEquals(await Deno.readTextFile(`${path}/sub/new`), "in\n");
  } finally {
    await host("umount", `${path}/sub`);
  }
});

Deno.test("several volumes, one inside the other, and names with spaces and commas", async () => {
  const outer = await folder("outer");
  const inner = await folder("in ner,x=1");
  await Deno.writeTextFile(`${inner}/file`, "inner\n");
  const options = ["-v", `${outer}:/v`, "-v", `${inner}:/v/sub/a b,c`];
  assertEquals(
    await workspace.sh("cat /v/file '/v/sub/a b,c/file'", ...options),
    "the host's\ninner",
  );
});

Deno.test("the destination may be a symbolic link of the image: it is followed inside", async () => {
  const path = await folder("linked");
  await workspace.image("linked", async (root) => {
    await Deno.symlink("/opt/target", `${root}/link`);
    await Deno.mkdir(`${root}/opt/target`, { recursive: true });
  });
  const { stdout } = await workspace.run(
    ["-net=none", "-v", `${path}:/link`, "linked", "cat", "/opt/target/file"],
  );
  assertEquals(stdout, "the host's\n");
});

Deno.test("a device cannot be used through a volume", async () => {
  const path = await folder("device");
  await host("mknod", `${path}/kmsg`, "c", "1", "11");
  const told = await workspace.sh("(: < /v/kmsg) 2>&1; true", "-v", `${path}:/v`);
  assertMatch(told, /Operation not permitted/);
});

Deno.test("a folder does not hide what is mounted in it, in whatever order they are told", async () => {
  const [outer, inner] = [await folder("over"), await folder("under")];
  await Deno.writeTextFile(`${inner}/file`, "inner\n");
  const options = ["-v", `${inner}:/v/sub`, "-v", `${outer}:/v`];
  assertEquals(await workspace.sh("cat /v/file /v/sub/file", ...options), "the host's\ninner");

  const etc = await folder("etc");
  assertEquals(
    await workspace.sh("cat /etc/file /etc/hostname", "-hostname", "here", "-v", `${etc}:/etc`),
    "the host's\nhere",
  );
  assertEquals(
    await workspace.sh("cat /etc/hostname", "-v", `${etc}/file:/etc/hostname`),
    "the host's",
  );
});
