/**
 * Row B9: the source of a mount is exchanged while a container is being made (CVE-2024-23651,
 * CVE-2024-1753). The source's own path is the caller's word, and its links are followed as by any program;
 * what has been looked at is what is mounted.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** A folder of a container's, and in it a folder and a file that are taken for each other. */
async function makeShared(): Promise<string> {
  const shared = await Deno.makeTempDir({ dir: workspace.folder, prefix: "shared-" });
  await Deno.mkdir(`${shared}/folder`);
  await Deno.writeTextFile(`${shared}/folder/inner`, "inner");
  await Deno.writeTextFile(`${shared}/file`, "alone");
  return shared;
}

const LOOK = "if [ -d /x ]; then cat /x/inner; else cat /x; fi; cat /proc/self/mountinfo";

/** One whole thing was mounted, and nothing else of the host came along. */
function assertWhole(stdout: string, shared: string): void {
  assertMatch(stdout, /^(inner|alone)/);
  const mounted = stdout.split("\n").filter((line) => line.includes(shared.split("/").at(-1)!));
  assertEquals(mounted.length, 1, stdout);
  assertMatch(mounted[0]!, / \/x /);
}

testWith(
  { gcc: HAS_COMPILER },
  "a source that is now a folder, now a file, is mounted as the one that was opened",
  async () => {
    await attack(workspace, async () => {
      const shared = await makeShared();
      const bundle = await bundles.make(LOOK, (spec) => {
        spec.mounts.push({
          destination: "/x",
          type: "bind",
          source: `${shared}/folder`,
          options: ["rbind"],
        });
      });
      await whileSwapping(workspace, shared, ["folder", "file"], async () => {
        for (let round = 0; round < 30; round++) {
          const volume = `${shared}/folder:/x`;
          const image = await workspace.run([
            ...["-rm", "-net=none", "-v", volume, "alpine", "/bin/sh", "-c", LOOK],
          ]);
          assertEquals(image.code, 0, image.stderr);
          assertWhole(image.stdout, shared);
          // The root of a bundle stays, and with it the kind of mount point that the first run has made.
          await Deno.remove(`${bundle}/rootfs/x`, { recursive: true }).catch(() => {});
          const run = await bundles.command(["run", "-b", bundle, bundles.id()]);
          assertEquals(run.code, 0, run.stderr);
          assertWhole(run.stdout, shared);
        }
      });
    });
  },
);

Deno.test("a source below the container's own root is not led out by what is there", async () => {
  await attack(workspace, async ({ folder, file, secret }) => {
    const bundle = await bundles.make(
      `cat /late ${file} .${file}; ls -A ${folder}; exit 0`,
      (spec) => {
        const bind = { type: "bind", options: ["rbind"] };
        spec.mounts.push(
          { destination: "/way", type: "tmpfs", source: "tmpfs" },
          { destination: "/late", source: "rootfs/way/link", ...bind },
        );
      },
    );
    await Deno.mkdir(`${bundle}/rootfs/way`);
    await Deno.writeTextFile(`${bundle}/rootfs/way/link`, "of the bundle");
    const { code, stdout, stderr } = await bundles.command(["run", "-b", bundle, bundles.id()]);
    assert(!stdout.includes(secret));
    // What an earlier mount covers is there no more, and that is told.
    if (code !== 0) assertMatch(stderr, /^gocontainer: bind "rootfs\/way\/link" on "\/late": /);
    else assertEquals(stdout, "of the bundle");
  });
});
