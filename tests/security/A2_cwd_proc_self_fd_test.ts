/**
 * Row A2: a working folder that leads to the host through a descriptor which the runtime has left open
 * (CVE-2024-21626).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bundles, dropNamespace, type FilledSpec } from "../integration/support/bundle.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Opens folders of the host as many descriptors, as a careless caller does. */
const OPEN = ["sh", "-c", 'exec 3</ 4</ 5</ 6</ 7</ 8</ 9</; exec "$@"', "sh"];

Deno.test("no descriptor is a way out as working folder", async () => {
  await attack(workspace, async ({ file, secret }) => {
    const climb = `cat ../../../../../../../..${file} .${file} 2>&1; pwd; ls -a`;
    for (let fd = 3; fd < 24; fd++) {
      for (const folder of [`/proc/self/fd/${fd}`, `/proc/1/fd/${fd}`, `/proc/self/fd/${fd}/tmp`]) {
        const outcome = await workspace.run(
          ["-net=none", "-w", folder, "alpine", "/bin/sh", "-c", climb],
          { through: OPEN },
        );
        assertEquals(outcome.code, 125, outcome.stdout);
        assertMatch(outcome.stderr, new RegExp(`working folder "${folder}": `));
        assert(!outcome.stdout.includes(secret));
      }
    }
  });
});

Deno.test("nor through a link of the image, nor through /proc/self/cwd and root", async () => {
  await attack(workspace, async ({ file, secret }) => {
    const links = ["/proc/self/fd/7", "/proc/self/fd/3", "/proc/self/cwd", "/proc/1/root"];
    await workspace.image("links", async (root) => {
      for (const [i, target] of links.entries()) await Deno.symlink(target, `${root}/l${i}`);
    });
    for (const i of links.keys()) {
      const outcome = await workspace.run(
        ["-net=none", "-w", `/l${i}`, "links", "cat", `../../../..${file}`, `.${file}`],
        { through: OPEN },
      );
      assert(outcome.code !== 0);
      assert(!outcome.stdout.includes(secret), outcome.stdout);
    }
  });
});

Deno.test("nor for a process that joins, not even by a descriptor that is handed over to it", async () => {
  await attack(workspace, async ({ file, secret }) => {
    const climb = ["/bin/sh", "-c", `cat ../../../../../../..${file} .${file}; pwd`];
    // Where the pid namespace is the host's, /proc/self is that of the joining process itself.
    for (const change of [() => {}, (spec: FilledSpec) => dropNamespace(spec, "pid")]) {
      await bundles.during(change, async (id) => {
        for (const handed of [[], ["--preserve-fds", "7"]]) {
          for (const fd of [3, 5, 9, 10, 12, 15]) {
            const { code, stdout } = await bundles.command(
              ["exec", ...handed, "--cwd", `/proc/self/fd/${fd}`, id, ...climb],
              { through: OPEN },
            );
            assertEquals([code, stdout], [255, ""], `${handed} ${fd}`);
            assert(!stdout.includes(secret));
          }
        }
      });
    }
  });
});
