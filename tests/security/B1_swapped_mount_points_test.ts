/**
 * Row B1: a container that shares a volume exchanges a folder for a link while another container is being
 * made, whose mounts lie below that folder (CVE-2021-30465).
 */

import { assert, assertEquals } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { compile, HAS_COMPILER } from "../integration/support/program.ts";
import { host } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, type Decoy, PLACES } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const ROUNDS = 30;

/** A volume with a folder, and a link to the decoy that takes its place every other moment. */
async function makeVolume({ folder }: Decoy, absolute: boolean): Promise<string> {
  const volume = await Deno.makeTempDir({ dir: workspace.folder, prefix: "volume-" });
  await Deno.mkdir(`${volume}/swapped/bound`, { recursive: true });
  await Deno.writeTextFile(`${volume}/swapped/file`, "");
  await Deno.symlink(absolute ? folder : `../../../../../../..${folder}`, `${volume}/link`);
  return volume;
}

/** What mounts.c of a careless runtime does: looks whether the path is a folder, and mounts on the path. */
const CARELESS = `
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

int main(int argc, char **argv) {
  struct stat found;
  char line[4096];
  time_t end = time(0) + 20;
  for (int round = 0; time(0) < end; round++) {
    if (argc != 3 || lstat(argv[1], &found) || !S_ISDIR(found.st_mode)) continue;
    if (mount("careless", argv[1], "tmpfs", 0, "")) continue;
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    int out = 0;
    while (fgets(line, sizeof line, mounts))
      if (strstr(line, " - tmpfs careless ") && strstr(line, argv[2])) out = 1;
    fclose(mounts);
    if (out) { printf("out after %d rounds\\n", round); return 0; }
    umount(argv[1]);
  }
  return 1;
}
`;

testWith({ gcc: HAS_COMPILER }, "the attack works on who mounts by a path", async () => {
  await attack(workspace, async (decoy) => {
    const program = workspace.path("careless");
    await compile(program, CARELESS);
    const volume = await makeVolume(decoy, true);
    await whileSwapping(workspace, volume, ["swapped", "link"], async () => {
      const said = await host("unshare", "-m", program, `${volume}/swapped`, ` ${decoy.folder} `);
      assert(said.startsWith("out after "), said);
    });
  });
});

/** Asserts that each mount is in the container's own tree, wherever the links of the moment have led it. */
function assertInside(mountinfo: string, sources: readonly string[]): void {
  for (const source of sources) {
    const found = mountinfo.split("\n").filter((line) => line.includes(source));
    assertEquals(found.length, 1, `${source} in\n${mountinfo}`);
  }
}

for (const absolute of [true, false]) {
  const kind = absolute ? "an absolute" : "a relative";
  testWith(
    { gcc: HAS_COMPILER },
    `no volume of an image leaves the root by ${kind} link that comes and goes`,
    async () => {
      await attack(workspace, async (decoy) => {
        const volume = await makeVolume(decoy, absolute);
        const other = await Deno.makeTempDir({ dir: workspace.folder, prefix: "other-" });
        await whileSwapping(workspace, volume, ["swapped", "link"], async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const { code, stdout, stderr } = await workspace.run([
              ...["-rm", "-net=none", "-v", `${volume}:/shared`],
              ...PLACES.flatMap((place) => ["-v", `${other}:/shared/swapped/${place}`]),
              ...["-w", "/shared/swapped/work", "alpine", "cat", "/proc/self/mountinfo"],
            ]);
            assert(code === 0 || code === 125, stderr);
            if (code !== 0) continue;
            const mounts = stdout.split("\n").filter((line) => line.includes(`${other} `));
            // A later one may have been laid over an earlier one, by another name.
            assertEquals(mounts.length, PLACES.length, stdout);
          }
        });
      });
    },
  );

  testWith(
    { gcc: HAS_COMPILER },
    `no mount of a bundle leaves the root by ${kind} link that comes and goes`,
    async () => {
      await attack(workspace, async (decoy) => {
        const volume = await makeVolume(decoy, absolute);
        const other = await Deno.makeTempDir({ dir: workspace.folder, prefix: "other-" });
        const bundle = await bundles.make("exec cat /proc/self/mountinfo", (spec) => {
          const below = "/shared/swapped";
          const bind = { type: "bind", options: ["rbind"] };
          spec.mounts.push(
            { destination: "/shared", source: volume, ...bind },
            { destination: `${below}/tmp`, type: "tmpfs", source: "attacked-tmpfs" },
            {
              destination: `${below}/up`,
              type: "tmpfs",
              source: "attacked-up",
              options: ["tmpcopyup"],
            },
            { destination: `${below}/bound`, source: other, ...bind },
            { destination: `${below}/file`, source: decoy.file, ...bind },
            { destination: `${below}/queue`, type: "mqueue", source: "attacked-queue" },
          );
          spec.process.cwd = `${below}/work`;
          spec.linux.readonlyPaths = [`${below}/tmp`];
          spec.linux.maskedPaths = [`${below}/bound`];
          spec.linux.devices = [{ path: `${below}/null`, type: "c", major: 1, minor: 3 }];
        });
        await whileSwapping(workspace, volume, ["swapped", "link"], async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const { code, stdout, stderr } = await bundles.command(
              ["run", "-b", bundle, bundles.id()],
            );
            assert(code === 0 || code === 1, stderr);
            if (code !== 0) continue;
            assertInside(stdout, ["attacked-up", `${other} `, `${decoy.file} `, "attacked-queue"]);
          }
        });
      });
    },
  );
}
