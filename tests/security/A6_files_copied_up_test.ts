/**
 * Row A6: what lies below a tmpfs with tmpcopyup is exchanged while it is copied, by a container that shares the
 * volume that it lies in.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { HAS_COMPILER } from "../integration/support/program.ts";
import { host, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, type Decoy } from "./decoy.ts";
import { whileSwapping } from "./race.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const ROUNDS = 30;

/** What comes in the place of a file or a folder, and what has to be undone then. */
type Trap = (path: string, decoy: Decoy) => Promise<(() => Promise<unknown>) | void>;

/** A disk of the host whose first block is the secret. */
const disk: Trap = async (path, { secret }) => {
  const image = `${path}.img`;
  await Deno.writeTextFile(image, secret.padEnd(4096));
  const device = (await host("losetup", "--find", "--show", "--read-only", image)).trim();
  await host("mknod", path, "b", "7", device.replace(/\D/g, ""));
  return () => host("losetup", "--detach", device);
};

const CASES: readonly (readonly [string, "file" | "folder", Trap])[] = [
  ["a file for a disk of the host", "file", disk],
  ["a file for a pipe", "file", async (path) => void await host("mkfifo", path)],
  ["a file for a link to one of the host", "file", (path, { file }) => Deno.symlink(file, path)],
  [
    "a folder for a link to one of the host",
    "folder",
    (path, { folder }) => Deno.symlink(folder, path),
  ],
  ["a folder for a file", "folder", (path) => Deno.writeTextFile(path, "alone")],
];

for (const [name, kind, trap] of CASES) {
  testWith(
    { gcc: HAS_COMPILER, losetup: isInstalled("losetup") },
    `what is copied up is what was looked at, while somebody exchanges ${name}`,
    () =>
      attack(workspace, async (decoy) => {
        const volume = await Deno.makeTempDir({ dir: workspace.folder, prefix: "volume-" });
        for (const folder of ["t", "x"]) await Deno.mkdir(`${volume}/${folder}`);
        if (kind === "file") await Deno.writeTextFile(`${volume}/t/one`, "inner");
        else {
          await Deno.mkdir(`${volume}/t/one`);
          await Deno.writeTextFile(`${volume}/t/one/file`, "inner");
        }
        const undo = await trap(`${volume}/x/one`, decoy);
        const script = "ls -l /vol/t; cd /vol/t; [ -p one ] || cat one one/*; exit 0";
        const bundle = await bundles.make(script, (spec) => {
          spec.mounts.push(
            { destination: "/vol", type: "bind", source: volume, options: ["rbind"] },
            { destination: "/vol/t", type: "tmpfs", options: ["nosuid", "nodev", "tmpcopyup"] },
          );
        });
        try {
          await whileSwapping(workspace, volume, ["t/one", "x/one"], async () => {
            for (let round = 0; round < ROUNDS; round++) {
              const { code, stdout, stderr } = await bundles.command(
                ["run", "-b", bundle, bundles.id()],
                { through: ["timeout", "-s", "KILL", "30"] },
              );
              assertEquals(code, 0, `${stdout}\n${stderr}`);
              assert(!stdout.includes(decoy.secret), stdout);
              // One of the two is there, and whole.
              assertMatch(stdout, /inner|alone| one -> |^[bp].* one$/m);
            }
          });
        } finally {
          await undo?.();
        }
      }),
  );
}
