/**
 * Row B8: what was made for a container, such as mount points and its own folder, is removed after others have
 * put links in its place (CVE-2024-23652).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, PLACES } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** A volume in which the mount points of a container are made, and what takes their place. */
async function volumeWithLink(folder: string): Promise<string> {
  const volume = await Deno.makeTempDir({ dir: workspace.folder, prefix: "volume-" });
  await Deno.mkdir(`${volume}/stubs`);
  await Deno.symlink(folder, `${volume}/link`);
  return volume;
}

Deno.test("mount points that were made for a container and are links by now are left alone", async () => {
  await attack(workspace, async ({ folder }) => {
    const volume = await volumeWithLink(folder);
    const other = await Deno.makeTempDir({ dir: workspace.folder, prefix: "other-" });
    const running = workspace.start([
      ...["-rm", "-net=none", "-v", `${volume}:/shared`],
      ...PLACES.flatMap((place) => ["-v", `${other}:/shared/stubs/${place}`]),
      ...["alpine", "/bin/sh", "-c", "echo ready; read end"],
    ], { stdin: "piped" });
    await running.says(/ready/);
    await Deno.rename(`${volume}/stubs`, `${volume}/away`);
    await Deno.rename(`${volume}/link`, `${volume}/stubs`);
    await running.feed("\n");
    assertEquals((await running.end()).code, 0);
    for (const place of PLACES) assert(exists(`${folder}/${place}`), place);
  });
});

Deno.test("the same for a bundle, deleted by force and by itself", async () => {
  await attack(workspace, async ({ folder }) => {
    const other = await Deno.makeTempDir({ dir: workspace.folder, prefix: "other-" });
    const volume = await volumeWithLink(folder);
    await bundles.during((spec) => {
      const bind = { type: "bind", options: ["rbind"] };
      spec.mounts.push({ destination: "/shared", source: volume, ...bind });
      for (const place of PLACES) {
        spec.mounts.push({ destination: `/shared/stubs/${place}`, source: other, ...bind });
      }
    }, async () => {
      await Deno.rename(`${volume}/stubs`, `${volume}/away`);
      await Deno.rename(`${volume}/link`, `${volume}/stubs`);
    });
    for (const place of PLACES) assert(exists(`${folder}/${place}`), place);
  });
});

/** Fills the container's own root with folders, so that it takes a while to remove them. */
const FILL = "for i in $(seq 1 40); do mkdir -p /d/$i/tmp /d/$i/bound; done; mkdir -p /swapped; " +
  "cp -r /d/. /swapped/; ln -s $0 /link; echo ready; exec sleep 1000";

testWith(
  { gcc: HAS_COMPILER },
  "a container's folder is removed while another container exchanges parts of it for links",
  async () => {
    await attack(workspace, async ({ folder }) => {
      for (let round = 0; round < 6; round++) {
        const running = workspace.start(
          ["-rm", "-net=none", "alpine", "/bin/sh", "-c", FILL, folder],
        );
        await running.says(/ready/);
        const { id, bundle } = await running.record();
        const upper = `${bundle}/upper`;
        await whileSwapping(workspace, upper, ["swapped", "link"], async () => {
          running.kill("SIGTERM");
          const { stderr } = await running.end();
          assertMatch(stderr, /^$|^gocontainer: remove the container's folder "/);
        }, { mayEnd: true });
        // Whoever writes there at that moment can keep it from being empty; then it is taken back later.
        if (exists(bundle)) assertEquals((await workspace.run(["gc"])).stdout, `${id}\n`);
        assert(!exists(bundle), `${bundle} is left`);
      }
    });
  },
);
