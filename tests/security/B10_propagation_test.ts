/** Row B10: mounts of a container that spread to a host whose mounts are all shared, as systemd has them. */

import { assert, assertEquals } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Makes everything shared, runs the command, and tells the mounts before, after, and in between. */
const SHARED = `
mount --make-rshared /
mounts() { sed 's/ shared:[0-9]*//; s/^[0-9]* [0-9]* //' /proc/self/mountinfo | sort > "$0/$1"; }
mounts before
"$@" &
while [ ! -s "$0/ready" ]; do sleep 0.02; done
mounts during
kill $!
wait $!
mounts after
`;

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
      const [before, during, after] = ["before", "during", "after"]
        .map((name) => Deno.readTextFileSync(`${folder}/${name}`));
      assert(before.length > 0);
      assertEquals(during, before);
      assertEquals(after, before);
    });
  });
}

Deno.test("no mount inside is shared with, or a slave of, one outside", async () => {
  await attack(workspace, async ({ folder }) => {
    const through = ["unshare", "--mount", "sh", "-c", 'mount --make-rshared /; exec "$@"', "sh"];
    const { stdout } = await workspace.run(
      ["-net=none", "-v", `${folder}:/v`, "alpine", "cat", "/proc/self/mountinfo"],
      { through },
    );
    assert(stdout.includes(" /v "));
    assertEquals(stdout.match(/ (shared|master|propagate_from):\d+/g), null);
  });
});
