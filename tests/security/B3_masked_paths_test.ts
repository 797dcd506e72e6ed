/**
 * Row B3: an image that replaces /dev/null, so that what should hide a file shows another one
 * (CVE-2025-31133).
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

for (const kind of ["a link to a file of the host", "a file", "a folder", "another device"]) {
  Deno.test(`an image whose /dev/null is ${kind}: masks are the real null device`, async () => {
    await attack(workspace, async ({ file, secret }) => {
      const image = `null-${kind.replaceAll(" ", "-")}`;
      await workspace.image(image, async (root) => {
        const path = `${root}/dev/null`;
        await Deno.remove(path).catch(() => {});
        if (kind === "a file") await Deno.writeTextFile(path, "shown");
        else if (kind === "a folder") await Deno.mkdir(path);
        else if (kind === "another device") {
          await new Deno.Command("mknod", { args: [path, "c", "1", "5"] }).output();
        } else await Deno.symlink(file, path);
      });
      const script = "for f in /dev/null /proc/keys /proc/interrupts; do stat -c %t:%T $f; done; " +
        "cat /proc/keys /proc/interrupts; echo over > /proc/keys; echo over > /dev/null";
      const { stdout } = await workspace.run(["-net=none", image, "/bin/sh", "-c", script]);
      assertEquals(stdout, "1:3\n1:3\n1:3\n");
      assert(!stdout.includes(secret));
    });
  });
}

/** A bundle whose /dev is a folder in which the null device is a link to a file of /proc. */
async function bundleWithOwnDev(target: string): Promise<string> {
  const dev = await Deno.makeTempDir({ dir: workspace.folder, prefix: "dev-" });
  await Deno.symlink(target, `${dev}/null`);
  for (const name of ["pts", "shm", "mqueue"]) await Deno.mkdir(`${dev}/${name}`);
  return await bundles.make("exec cat /proc/self/mountinfo", (spec) => {
    spec.ociVersion = "1.0.2";
    spec.mounts = spec.mounts.map((mount) =>
      mount.destination === "/dev"
        ? { destination: "/dev", type: "bind", source: dev, options: ["bind"] }
        : mount
    );
    spec.linux.maskedPaths = ["/proc/keys"];
  });
}

const TARGET = "/proc/sys/kernel/hostname";

/** What the mask of /proc/keys shows, as root and path of its file system. */
function maskIn(mountinfo: string): string | undefined {
  return mountinfo.match(/^\S+ \S+ \S+ (\S+) \/proc\/keys /m)?.[1];
}

testWith(
  { runc: isInstalled("runc") },
  "the attack works on runc 1.1: the mask shows the target",
  async () => {
    await attack(workspace, async () => {
      const bundle = await bundleWithOwnDev(TARGET);
      const args = ["--root", workspace.path("runc"), "run", "-b", bundle, bundles.id()];
      const { stdout, stderr } = await workspace.run(args, { binary: "/usr/sbin/runc" });
      assertEquals(maskIn(stdout), TARGET.slice("/proc".length), stderr);
    });
  },
);

Deno.test("a /dev of somebody else's does not change what a mask is", async () => {
  await attack(workspace, async () => {
    const bundle = await bundleWithOwnDev(TARGET);
    const { stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
    assertEquals(maskIn(stdout), "/null", stderr);
  });
});

Deno.test("where /dev/null of the host is something else, nothing is hidden behind it", async () => {
  await attack(workspace, async ({ file, secret }) => {
    const through = ["unshare", "--mount", "sh", "-e", "-c"]
      .concat(`mount --bind ${file} /dev/null; exec "$@"`, "sh");
    const script = ["-net=none", "alpine", "/bin/sh", "-c", "cat /proc/keys"];
    const { code, stdout, stderr } = await workspace.run(script, { through });
    assertEquals([code, stdout.includes(secret)], [125, false], stdout);
    assertStringIncludes(stderr, "/dev/null is not the null device");
  });
});
