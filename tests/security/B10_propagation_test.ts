/** Row B10: mounts of a container that spread to a host whose mounts are all shared, as systemd has them. */

import { assert, assertEquals } from "@std/assert";
import { Bundles, type FilledSpec, mapUsers } from "../integration/support/bundle.ts";
import { ON_SHARED_HOST } from "../integration/support/host.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Makes everything shared, runs the command, and tells the mounts before, after, and in between. */
const SHARED = `
mount --make-rshared /
mounts() { sed 's/ shared:[0-9]*//; s/^[0-9]* [0-9]* //' /proc/self/mountinfo | sort > "$0/$1"; }
mounts before
"$@" &
while [ ! -s "$0/ready" ] && kill -0 $!; do sleep 0.02; done
mounts during
kill $!
wait $!
mounts after
`;

/** Runs a command on a shared host until what it runs has said in the folder that it is ready. */
function told(folder: string): { before: string; during: string; after: string } {
  const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
  const mounts = { before: read("before"), during: read("during"), after: read("after") };
  assert(mounts.before.length > 0);
  return mounts;
}

for (const options of [[], ["-t"], ["-v", "/:/host"]]) {
  Deno.test(`a shared host sees no mount of a container: ${options.join(" ")}`, async () => {
    await attack(workspace, async () => {
      const folder = await Deno.makeTempDir({ dir: workspace.folder });
      const script = "mount -t tmpfs x /mnt 2>&1; echo ready > /told/ready; exec sleep 1000";
      const volumes = ["-v", `${folder}:/told`, ...options];
      await workspace.run(
        ["-net=none", ...volumes, "alpine", "/bin/sh", "-c", script],
        { through: ["unshare", "--mount", "sh", "-c", SHARED, folder] },
      );
      const { before, during, after } = told(folder);
      assertEquals(during, before);
      assertEquals(after, before);
    });
  });
}

Deno.test("no mount inside is shared with, or a slave of, one outside", async () => {
  await attack(workspace, async ({ folder }) => {
    const { stdout } = await workspace.run(
      ["-net=none", "-v", `${folder}:/v`, "alpine", "cat", "/proc/self/mountinfo"],
      { through: ON_SHARED_HOST },
    );
    assert(stdout.includes(" /v "));
    assertEquals(stdout.match(/ (shared|master|propagate_from):\d+/g), null);
  });
});

/** What a container does that may mount, in its root and below a volume of the host's. */
const MOUNTING = "mount -t tmpfs own /mnt && mount -t tmpfs ours /srv/ours && " +
  "echo ready > /media/ready; exec sleep 1000";

/** Lets it mount, and gives it a volume that is to be shared with the host. */
function shareVolume(spec: FilledSpec, folder: string, rootfsPropagation: "shared" | "rshared") {
  for (const set of ["bounding", "effective", "permitted"] as const) {
    spec.process.capabilities![set]!.push("CAP_SYS_ADMIN");
  }
  spec.linux.rootfsPropagation = rootfsPropagation;
  const bind = (destination: string, source: string, option: string) =>
    spec.mounts.push({ destination, type: "bind", source, options: ["rbind", option] });
  bind("/media", folder, "rprivate");
  bind("/srv", `${folder}/volume`, "rshared");
}

for (const rootfsPropagation of ["shared", "rshared"] as const) {
  for (const own of ["host's", "own"]) {
    const name = `${rootfsPropagation}, the ${own} user namespace`;
    Deno.test(`a shared root is shared with nobody outside, a shared volume is: ${name}`, async () => {
      await attack(workspace, async () => {
        const folder = await Deno.makeTempDir({ dir: workspace.folder });
        await Deno.mkdir(`${folder}/volume/ours`, { recursive: true });
        await Deno.chmod(folder, 0o777);
        await Deno.chmod(`${folder}/volume`, 0o777);
        await bundles.run(MOUNTING, (spec) => {
          if (own === "own") mapUsers(spec);
          shareVolume(spec, folder, rootfsPropagation);
        }, { through: ["unshare", "--mount", "sh", "-c", SHARED, folder] });
        const { before, during, after } = told(folder);
        const seen = during.split("\n").filter((line) => !before.includes(line));
        // Whoever is root of a user namespace only has no say in what the host has mounted.
        const expected = own === "own" ? [] : [`${folder}/volume/ours`];
        assertEquals(seen.map((line) => line.split(" ")[2]), expected);
        assertEquals(after, during);
      });
    });
  }
}
