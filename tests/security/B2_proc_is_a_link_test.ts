/**
 * Row B2: an image whose /proc or /sys is a symbolic link or a file, so that what the runtime mounts and
 * writes there goes somewhere else (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561).
 */

import { assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const ROUNDS = 60;

for (const place of ["proc", "sys"]) {
  for (const kind of ["a link to a folder of the host", "a link inside", "a file", "a way out"]) {
    Deno.test(`an image whose /${place} is ${kind} is refused`, async () => {
      await attack(workspace, async ({ folder }) => {
        const image = `${place}-${kind.replaceAll(" ", "-")}`;
        await workspace.image(image, async (root) => {
          const path = `${root}/${place}`;
          await Deno.remove(path, { recursive: true });
          if (kind === "a link to a folder of the host") await Deno.symlink(folder, path);
          else if (kind === "a link inside") await Deno.symlink("etc", path);
          else if (kind === "a way out") await Deno.symlink(`../../../../../..${folder}`, path);
          else await Deno.writeTextFile(path, "");
        });
        const { code, stdout, stderr } = await workspace.run(
          ["-net=none", image, "/bin/sh", "-c", "cat /proc/self/mountinfo"],
        );
        assertEquals([code, stdout], [125, ""]);
        assertMatch(stderr, new RegExp(`mount ${place}(fs)? on "/${place}": .*folder`));
      });
    });
  }
}

Deno.test("nothing may be laid over /proc with -v, by its name or by another", async () => {
  await attack(workspace, async ({ folder }) => {
    await workspace.image("detour", (root) => Deno.symlink("/proc", `${root}/detour`));
    const targets = ["/proc", "/proc/sys", "/proc/self/attr", "/detour/sys", "/x/../proc/self"];
    for (const target of targets) {
      const { code, stderr } = await workspace.run(
        ["-net=none", "-v", `${folder}:${target}`, "detour", "true"],
      );
      assertEquals(code, 125, target);
      assertMatch(stderr, /nothing may be mounted over \/proc/, target);
    }
  });
});

testWith(
  { gcc: HAS_COMPILER },
  "no procfs lands where a link in the place of /proc leads that comes and goes",
  async () => {
    await attack(workspace, async () => {
      const look = ["proc", "link", "elsewhere"].map((name) => `/${name}/self/mountinfo`);
      const bundle = await bundles.make(`cat ${look.join(" ")} 2>/dev/null; exit 0`);
      const root = `${bundle}/rootfs`;
      await Deno.mkdir(`${root}/elsewhere`);
      await Deno.symlink("elsewhere", `${root}/link`);
      await whileSwapping(workspace, root, ["proc", "link"], async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const { stdout } = await bundles.command(["run", "-b", bundle, bundles.id()]);
          assertEquals(stdout.match(/ \/elsewhere .* - proc /g), null, stdout);
        }
      });
    });
  },
);
