/**
 * Row B3: an image that replaces /dev/null, so that what should hide a file shows another one
 * (CVE-2025-31133).
 */

import { assert, assertEquals } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

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
