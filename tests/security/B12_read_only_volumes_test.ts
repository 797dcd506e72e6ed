/** Row B12: a read-only volume that is writable in some part, or made so again. */

import { assertEquals, assertMatch } from "@std/assert";
import { host } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

Deno.test("no part of a read-only volume can be written, remounted or uncovered", async () => {
  await attack(workspace, async ({ folder }) => {
    const script = `
      for place in /v /v/sub /v/sub/deeper; do
        echo x > $place/new; rm -rf $place/file; mkdir $place/m; chmod 777 $place; touch $place
        mount -o remount,rw $place; mount -o remount,bind,rw $place; umount $place
      done
      unshare -Urm sh -c 'mount -o remount,bind,rw /v; mount --bind /v /mnt; echo x > /mnt/new; umount /v/sub'
      true`;
    await host("mount", "-t", "tmpfs", "below", `${folder}/sub`);
    try {
      await Deno.mkdir(`${folder}/sub/deeper`);
      await host("mount", "-t", "tmpfs", "deeper", `${folder}/sub/deeper`);
      const before = await host("find", folder, "-printf", "%P %m %T@\n");
      for (const filter of [[], ["-security", "seccomp=unconfined"]]) {
        const { stderr } = await workspace.run([
          ...["-net=none", ...filter, "-v", `${folder}:/v:ro`],
          ...["alpine", "/bin/sh", "-c", script],
        ]);
        assertMatch(stderr, /Read-only file system/);
      }
      assertEquals(await host("find", folder, "-printf", "%P %m %T@\n"), before);
    } finally {
      await host("umount", "--recursive", `${folder}/sub`);
    }
  });
});
