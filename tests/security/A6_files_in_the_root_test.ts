/**
 * Row A6: files that the runtime reads from, or lays over, the root of an image, which the image has made
 * links to the host, pipes or devices (CVE-2025-24965, CVE-2024-9676).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bundles } from "../integration/support/bundle.ts";
import { host } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, type Decoy } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** What an image can put in the place of a file. */
const TRAPS: Readonly<Record<string, (path: string, decoy: Decoy) => Promise<unknown>>> = {
  "an absolute link": (path, { file }) => Deno.symlink(file, path),
  "a relative link": (path, { file }) => Deno.symlink(`../../../../../../..${file}`, path),
  "a link to what is missing": (path, { folder }) => Deno.symlink(`${folder}/new`, path),
  "a link through /proc": (path, { file }) => Deno.symlink(`/proc/1/root${file}`, path),
  "a pipe": (path) => host("mkfifo", path),
  "an endless device": (path) => host("mknod", path, "c", "1", "5"),
};

const FILES = ["hosts", "hostname", "resolv.conf"];

for (const [what, trap] of Object.entries(TRAPS)) {
  Deno.test(`${what} in the place of a file of /etc: the host's stays as it is`, async () => {
    await attack(workspace, async (decoy) => {
      const image = `etc-${what.replaceAll(/\W/g, "-")}`;
      await workspace.image(image, async (root) => {
        for (const [i, name] of FILES.entries()) {
          await Deno.remove(`${root}/etc/${name}`).catch(() => {});
          // Each leads to a file of its own, or they would be one and the same inside.
          const file = i === 0 ? decoy.file : `${decoy.folder}/${name}`;
          await trap(`${root}/etc/${name}`, { ...decoy, file, folder: `${decoy.folder}/${i}` });
        }
      });
      const script = "cat /etc/hostname /etc/hosts; echo over | tee /etc/hosts /etc/hostname";
      for (const options of [["-net=none"], []]) {
        const { code, stdout, stderr } = await workspace.run([
          ...["-rm", "-hostname", "told", ...options, image, "/bin/sh", "-c", script],
        ]);
        assert(!stdout.includes(decoy.secret), stdout);
        if (code === 0) assertMatch(stdout, /^told\n(.*\n)*.*\stold\b/, stderr);
        else assertMatch(stderr, /"\/etc\/(hosts|hostname|resolv\.conf)"/);
      }
    });
  });
}

for (const way of ["an absolute", "a relative"]) {
  Deno.test(`an image whose /etc is ${way} link to a folder of the host`, async () => {
    await attack(workspace, async ({ folder, secret }) => {
      const image = `etc-is-${way.replace(" ", "-")}-link`;
      await workspace.image(image, async (root) => {
        await Deno.remove(`${root}/etc`, { recursive: true });
        await Deno.symlink(
          way === "an absolute" ? folder : `../../../../../..${folder}`,
          `${root}/etc`,
        );
      });
      const { stdout } = await workspace.run([
        ...["-rm", "-net=none", image, "/bin/sh", "-c", "cat /etc/file /etc/hostname; ls /etc/"],
      ]);
      assert(!stdout.includes(secret), stdout);
    });
  });
}

/** The users of the host's trap; whoever reads it gives a home folder of this name. */
const STOLEN = "root:x:0:0:root:/stolen:/bin/sh\n";

for (const [what, trap] of Object.entries(TRAPS)) {
  Deno.test(`${what} as /etc/passwd of a bundle tells nothing and holds nothing up`, async () => {
    await attack(workspace, async (decoy) => {
      const outside = await Deno.makeTempDir({ dir: workspace.folder });
      const passwd = `${outside}/passwd`;
      await Deno.writeTextFile(passwd, STOLEN);
      const bundle = await bundles.make("echo HOME=$HOME; exec sleep 1000");
      const path = `${bundle}/rootfs/etc/passwd`;
      await Deno.remove(path);
      await trap(path, { ...decoy, folder: outside, file: passwd });
      const id = bundles.id();
      const log = `${bundle}/log`;
      const made = await bundles.command(["run", "-d", "-b", bundle, id], {
        through: ["sh", "-c", 'exec "$@" >"$0" </dev/null 2>&1', log],
      });
      assertEquals(made.code, 0, Deno.readTextFileSync(log));
      try {
        const exec = await bundles.command(["exec", id, "/bin/sh", "-c", "echo HOME=$HOME"]);
        assertEquals([exec.code, exec.stdout], [0, "HOME=/\n"], exec.stderr);
        assertMatch(Deno.readTextFileSync(log), /^HOME=\/$/m);
      } finally {
        await bundles.command(["delete", "--force", id]);
      }
    });
  });
}

Deno.test("what is copied up into a tmpfs is copied as it is, and nothing through it", async () => {
  await attack(workspace, async ({ folder, file, secret }) => {
    const bundle = await bundles.make("", (spec) => {
      spec.mounts.push({
        destination: "/data",
        type: "tmpfs",
        source: "tmpfs",
        options: ["tmpcopyup"],
      });
      spec.process.args = ["/bin/sh", "-c", "cd /data; cat file; ls -l; ls sub; cat plain"];
    });
    const data = `${bundle}/rootfs/data`;
    await Deno.mkdir(data);
    await Deno.symlink(file, `${data}/file`);
    await Deno.symlink(folder, `${data}/sub`);
    await Deno.writeTextFile(`${data}/plain`, "copied");
    await host("mkfifo", `${data}/pipe`);
    const { stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
    assert(!stdout.includes(secret), stdout);
    assertMatch(stdout, /^l.* file -> .*\n/m, stderr);
    assertMatch(stdout, /^l.* sub -> .*\n/m);
    assertMatch(stdout, /^p.* pipe\n/m);
    assertMatch(stdout, /copied$/);
  });
});
