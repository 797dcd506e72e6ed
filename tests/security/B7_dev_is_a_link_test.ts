/**
 * Row B7: an image whose /dev is a link to a folder of the host, where the runtime would make device nodes
 * and replace links (CVE-2026-41579, CVE-2026-47766).
 */

import { assert, assertEquals } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

for (const way of ["absolute", "relative", "through /proc/self/root"]) {
  for (const options of [[], ["-t"]]) {
    Deno.test(`/dev as ${way} link ${options.join("")}: nothing is made or removed on the host`, async () => {
      await attack(workspace, async ({ folder, secret }) => {
        const image = `dev-${way.replaceAll(/\W/g, "-")}`;
        await workspace.image(image, async (root) => {
          await Deno.remove(`${root}/dev`, { recursive: true });
          const target = way === "absolute"
            ? folder
            : way === "relative"
            ? `../../../../../../../..${folder}`
            : `/proc/self/root/../..${folder}`;
          await Deno.symlink(target, `${root}/dev`);
        });
        const outcome = await workspace.run(
          [
            ...options,
            "-net=none",
            image,
            "/bin/sh",
            "-c",
            "cat /dev/file; echo x > /dev/null; ls /dev/",
          ],
        );
        assert(!outcome.stdout.includes(secret), outcome.stdout);
        // Either it is refused, or the folder is one inside.
        if (outcome.code === 0) assert(outcome.stdout.includes("null"));
        else assertEquals(outcome.code, 125);
        await Deno.remove(workspace.path(`images/${image}`), { recursive: true });
      });
    });
  }
}
