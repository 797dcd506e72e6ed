/** The root of a container: an overlay that only its own mount namespace has. */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { setAttribute } from "./image_lab.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import { exists, host } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Names, kinds, modes, owners and times of all that is below a folder. */
async function listing(folder: string): Promise<string> {
  return await host("find", folder, "-printf", "%P %y %m %U:%G %s %T@ %l\n");
}

Deno.test("changes land in the container's folder, and the image is untouched", async () => {
  const image = await workspace.alpine();
  const before = await listing(image);
  const script = "echo hi > /root/new; rm /etc/motd; chmod 700 /etc/issue; mkdir /etc/apk/more; " +
    "chown 5:6 /srv; hostname";
  const id = await workspace.sh(script);
  const upper = workspace.path(`containers/${id}/upper`);

  assertEquals(await listing(image), before);
  assertEquals(Deno.readTextFileSync(`${upper}/root/new`), "hi\n");
  // What was removed is a whiteout: a character device 0:0 (overlayfs.rst).
  assertEquals((await host("stat", "-c", "%F %t:%T", `${upper}/etc/motd`)).trim(), WHITEOUT);
  assertEquals(Deno.statSync(`${upper}/etc/issue`).mode! & 0o7777, 0o700);
  assert(Deno.statSync(`${upper}/etc/apk/more`).isDirectory);
  const { uid, gid } = Deno.statSync(`${upper}/srv`);
  assertEquals({ uid, gid }, { uid: 5, gid: 6 });
});

const WHITEOUT = "character special file 0:0";

Deno.test("nothing but the container's changes is in its folder", async () => {
  const id = await workspace.sh("hostname");
  const folder = workspace.path(`containers/${id}`);
  // The image has no such file to lay the container's own over: an empty one was made for that.
  const made = await host("find", `${folder}/upper`, "-type", "f", "-printf", "%P %s\n");
  assertEquals(made, "etc/resolv.conf 0\n");
  assertEquals((await host("find", `${folder}/rootfs`, "-mindepth", "1")).trim(), "");
});

Deno.test("two containers share the image below, and each has its own changes", async () => {
  const script = "echo $HOSTNAME > /root/mine; echo ready; read go; cat /root/mine; hostname";
  const [one, other] = ["one", "other"].map((name) =>
    workspace.start(["-net=none", "-name", name, "alpine", "/bin/sh", "-c", script], {
      stdin: "piped",
    })
  );
  await Promise.all([one.says(/ready/), other.says(/ready/)]);
  const lowers = await Promise.all([one, other].map(async (running) => {
    const { init } = await running.record();
    return Deno.readTextFileSync(`/proc/${init.pid}/mountinfo`).match(/lowerdir=([^,]+)/)![1];
  }));
  assertEquals(lowers, [await workspace.alpine(), await workspace.alpine()]);
  for (const running of [one, other]) await running.feed("go\n");
  assertEquals((await one.end()).stdout, "ready\none\none\n");
  assertEquals((await other.end()).stdout, "ready\nother\nother\n");
});

Deno.test("the image is not to be reached from inside, nor is anything else of the host", async () => {
  const secret = workspace.path("secret");
  Deno.writeTextFileSync(secret, "secret");
  const image = await workspace.alpine();
  const seen = await workspace.sh(
    `ls -d ${secret} ${workspace.folder} ${image} 2>&1; ls -d /proc/1/root/..${secret} 2>&1; ls -A /`,
  );
  assertEquals(seen.match(/No such file/g)?.length, 4);
  const names = [...Deno.readDirSync(image)].map(({ name }) => name).sort();
  assertEquals(seen.split("\n").filter((line) => !line.includes("No such")).sort(), names);
});

Deno.test("the old root is let go: only the container's own mounts are left", async () => {
  const inside = await workspace.sh("cat /proc/self/mountinfo");
  const lines = inside.split("\n").map((line) => line.split(" "));
  const [root] = lines.filter((fields) => fields[4] === "/");
  const rest = lines.filter((fields) => fields !== root);
  assertEquals(rest.length, lines.length - 1);
  assertEquals(root.at(-3), "overlay");
  // All others hang below it, directly or not.
  const known = new Set([root[0]]);
  for (const [number, parent] of rest) {
    assert(
      known.has(parent),
      `mount ${number} hangs below ${parent}, which is not the container's`,
    );
    known.add(number);
  }
  const ours = new Set(
    Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n").map((line) =>
      line.split(" ")[2]
    ),
  );
  // The devices of file systems that the host has mounted: only single files of them are shown.
  const shared = lines.filter((fields) => ours.has(fields[2]) && !fields.includes("cgroup"))
    .map((fields) => fields[4]).filter((path) => !path.startsWith("/sys/fs/cgroup/"));
  for (const path of shared) {
    assertMatch(path, /^\/etc\/(hosts|hostname|resolv\.conf)$|^\/proc\/(keys|kcore|[a-z_]+)$/);
  }
});

Deno.test("the overlay is mounted in the container only", async () => {
  const before = lookAtHost();
  const script = "echo ready; exec sleep 1000";
  const running = workspace.start(["-net=none", "alpine", "/bin/sh", "-c", script]);
  await running.says(/ready/);
  const { init, bundle } = await running.record();
  const inside = Deno.readTextFileSync(`/proc/${init.pid}/mountinfo`);
  assertMatch(inside, / \/ \/ rw,relatime - overlay overlay rw,lowerdir=/);
  assert(inside.includes(`upperdir=${bundle}/upper`));
  assertEquals(lookAtHost().mounts, before.mounts);
  assertEquals([...Deno.readDirSync(`${bundle}/rootfs`)], []);
  running.kill("SIGTERM");
  await running.end();
  assertEquals(exists(bundle), true);
});

Deno.test("only changes that go away with the container are never synced to the disk", async () => {
  const look = ["-net=none", "alpine", "grep", " / / .* overlay ", "/proc/self/mountinfo"];
  const [kept, removed] = [await workspace.run(look), await workspace.run(["-rm", ...look])];
  assertEquals([kept.code, removed.code], [0, 0]);
  assert(!kept.stdout.includes("volatile"), kept.stdout);
  // Newer kernels call it fsync=volatile.
  assertMatch(removed.stdout, /[,=]volatile/);
});

/** A folder of the host that is a mount of its own and tells its mounts to other namespaces. */
async function withSharedFolder(body: (path: string) => Promise<void>): Promise<void> {
  const path = workspace.path("shared");
  await Deno.mkdir(path, { recursive: true });
  await host("mount", "-t", "tmpfs", "-o", "mode=755", "shared", path);
  try {
    await host("mount", "--make-shared", path);
    await body(path);
  } finally {
    await host("umount", "--recursive", path);
  }
}

Deno.test("no mount spreads to the host, though its folder is shared", async () => {
  await withSharedFolder(async (path) => {
    const before = lookAtHost();
    await Deno.mkdir(`${path}/volume/sub`, { recursive: true });
    const running = workspace.start(
      ["-net=none", "-c", `${path}/containers`, "-v", `${path}:/v`, ...ALPINE_CAT],
      { stdin: "piped" },
    );
    await running.says(/ready/);
    const { init } = await running.record();
    await host("nsenter", `--target=${init.pid}`, "--mount", "/bin/sh", "-c", MOUNT_INSIDE);
    assertMatch(Deno.readTextFileSync(`/proc/${init.pid}/mountinfo`), / \/v\/volume\/sub /);
    assertMatch(Deno.readTextFileSync(`/proc/${init.pid}/mountinfo`), / \/mnt /);
    assertEquals(lookAtHost().mounts, before.mounts);
    await running.feed("");
    assertEquals((await running.end()).code, 0);
    await assertHostIsAsBefore(before);
  });
});

const ALPINE_CAT = ["alpine", "/bin/sh", "-c", "echo ready; exec cat"];
const MOUNT_INSIDE = "mount -t tmpfs inside /v/volume/sub && mount -t tmpfs inside /mnt";

Deno.test("what the host mounts later is not seen in the container", async () => {
  await withSharedFolder(async (path) => {
    await Deno.mkdir(`${path}/volume/sub`, { recursive: true });
    const script = "echo ready; read go; cat /proc/self/mountinfo; ls /v/volume/sub";
    const running = workspace.start(
      ["-net=none", "-v", `${path}:/v`, "alpine", "/bin/sh", "-c", script],
      { stdin: "piped" },
    );
    await running.says(/ready/);
    await host("mount", "-t", "tmpfs", "later", `${path}/volume/sub`);
    await Deno.writeTextFile(`${path}/volume/sub/file`, "");
    await running.feed("go\n");
    const { stdout } = await running.end();
    assertMatch(stdout, / \/v /);
    assertEquals(stdout.match(/later|file\n|\/v\/volume/g), null);
    assertEquals(stdout.match(/ (shared|master|propagate_from):\d+ /g), null);
  });
});

Deno.test("-rm removes the container's folder, whatever its exit code", async () => {
  const before = workspace.ids();
  const { code } = await workspace.run(
    ["-rm", "-net=none", "alpine", "/bin/sh", "-c", "mkdir -p /a/b; ln -s /etc /a/l; exit 3"],
  );
  assertEquals(code, 3);
  assertEquals(workspace.ids(), before);
});

Deno.test("without -rm the folder stays, and is root's alone", async () => {
  const id = await workspace.sh("hostname");
  assert(workspace.ids().includes(id));
  for (const path of ["containers", `containers/${id}`]) {
    assertEquals(Deno.statSync(workspace.path(path)).mode! & 0o777, 0o700);
  }
});

Deno.test("nothing is taken over from the containers folder: no group, no access control list", async () => {
  const path = workspace.path("inherited");
  Deno.mkdirSync(path);
  Deno.chownSync(path, 0, 4242);
  Deno.chmodSync(path, 0o2755);
  // user::rwx, user:4242:rwx, group::rwx, mask::rwx, other::rwx
  const acl = "02000000" + "01000700ffffffff" + "0200070092100000" + "04000700ffffffff" +
    "10000700ffffffff" + "20000700ffffffff";
  setAttribute(path, "system.posix_acl_default", Uint8Array.fromHex(acl));
  const script = "umask 022; mkdir /d; echo > /f; echo > /d/f; stat -c '%n %a %u:%g' / /d /f /d/f";
  const { stdout, stderr } = await workspace.run(
    ["-rm", "-net=none", "-c", path, "alpine", "/bin/sh", "-c", script],
  );
  assertEquals([stdout, stderr], ["/ 755 0:0\n/d 755 0:0\n/f 644 0:0\n/d/f 644 0:0\n", ""]);
});

Deno.test("-i and -c choose the folders, a missing one for containers is made", async () => {
  const image = await workspace.alpine();
  await Deno.mkdir(workspace.path("other/images"), { recursive: true });
  await Deno.symlink(image, workspace.path("other/images/mine"));
  const { code, stdout } = await workspace.run(
    ["-i", "images", "-c", "deep/er", "-net=none", "mine", "hostname"],
    { cwd: workspace.path("other") },
  );
  assertEquals(code, 0);
  assertEquals(workspace.ids("other/deep/er"), [stdout.trim()]);
  assertNotEquals(workspace.ids(), []);
  await assertRejects(() => Deno.stat(workspace.path("other/containers")), Deno.errors.NotFound);
});
