/**
 * Row B6: a mount point that leads out of the root through links, so that folders and files are made on the
 * host (CVE-2024-45310).
 */

import { assert, assertEquals } from "@std/assert";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** How links may lead to `folder` of the host, as seen from the root of an image. */
const WAYS: readonly (readonly [name: string, link: (folder: string) => string])[] = [
  ["absolute", (folder) => folder],
  ["relative", (folder) => `../../../../../../../..${folder}`],
  ["of a missing folder", (folder) => `${folder}/missing/deeper`],
  ["of a missing file below ..", (folder) => `../../../..${folder}/sub/../new`],
  ["through another link", () => "/second"],
];

for (const [name, link] of WAYS) {
  Deno.test(`a volume on a link (${name}) lands inside, and makes nothing on the host`, async () => {
    await attack(workspace, async ({ folder, file }) => {
      const image = `way-${name.replaceAll(/\W/g, "-")}`;
      await workspace.image(image, async (root) => {
        await Deno.symlink(link(folder), `${root}/link`);
        await Deno.symlink(`${folder}/beyond`, `${root}/second`);
      });
      const volume = workspace.path("volume");
      await Deno.mkdir(volume, { recursive: true });
      await Deno.writeTextFile(`${volume}/here`, "here");
      for (const target of ["/link", "/link/sub/new"]) {
        const { code, stdout, stderr } = await workspace.run(
          ["-net=none", "-v", `${volume}:${target}`, image, "cat", `${target}/here`],
        );
        assertEquals([code, stdout], [0, "here"], `${target}: ${stderr}`);
        assertEquals([...Deno.readDirSync(volume)].length, 1);
      }
      // A single file makes an empty file.
      for (const target of ["/link/single", "/link/sub/single"]) {
        const { code, stdout, stderr } = await workspace.run(
          ["-net=none", "-v", `${volume}/here:${target}`, image, "cat", target],
        );
        assertEquals([code, stdout], [0, "here"], `${target}: ${stderr}`);
      }
      for (const made of ["beyond", "missing", "new", "single", "sub/new", "sub/single"]) {
        assert(!exists(`${folder}/${made}`), made);
      }
      assert(exists(file));
    });
  });
}

Deno.test("a working folder that is made does not lead out either", async () => {
  await attack(workspace, async ({ folder }) => {
    await workspace.image("working", (root) => Deno.symlink(folder, `${root}/link`));
    const { code } = await workspace.run(
      ["-net=none", "-w", "/link/fresh/deep", "working", "/bin/sh", "-c", "echo x > file"],
    );
    assertEquals(code, 0);
    assert(!exists(`${folder}/fresh`));
  });
});

Deno.test("links that go round in circles are an error", async () => {
  await attack(workspace, async ({ folder }) => {
    await workspace.image("circle", async (root) => {
      await Deno.symlink("b/x", `${root}/a`);
      await Deno.symlink("a/y", `${root}/b`);
    });
    for (const source of [folder, "/etc/hostname"]) {
      const { code, stdout } = await workspace.run(
        ["-net=none", "-v", `${source}:/a/z`, "circle", "echo", "ran"],
      );
      assertEquals([code, stdout], [125, ""]);
    }
  });
});
