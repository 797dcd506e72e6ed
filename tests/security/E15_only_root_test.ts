/** Row E15: somebody who is not root asks for containers, his own or another's. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

testWith(
  { setpriv: isInstalled("setpriv") },
  "each command that would touch a container of root's says that it is not the caller's, at once",
  async () => {
    await attack(workspace, async () => {
      await bundles.during(() => {}, async (id, pid) => {
        Deno.chmodSync(workspace.folder, 0o755);
        const commands = [
          ["exec", id, "true"],
          ["kill", id, "KILL"],
          ["delete", "--force", id],
          ["state", id],
          ["pause", id],
          ["update", "--pids-limit", "1", id],
          ["list"],
          ["ps", id],
        ];
        for (const command of commands) {
          const { code, stdout, stderr } = await bundles.command(command, { through: NOBODY });
          assert(code !== 0, command.join(" "));
          assertEquals(stdout, "", command.join(" "));
          assertMatch(
            stderr,
            /^gocontainer: use the state folder "[^"]*": it is user 0's, not your own\n/,
            command.join(" "),
          );
        }
        for (const command of [["-net=none", "alpine", "true"], ["gc"]]) {
          const { code, stderr } = await workspace.run(command, { through: NOBODY });
          assert(code !== 0);
          assertMatch(stderr, /only root may/);
        }
        assert(Deno.readTextFileSync(`/proc/${pid}/comm`) === "sleep\n");
      });
    });
  },
);

Deno.test("a paused container is joined by nobody, unless he says so", async () => {
  await attack(workspace, async () => {
    await bundles.during(() => {}, async (id) => {
      assertEquals((await bundles.command(["pause", id])).code, 0);
      const { code, stderr } = await bundles.command(["exec", id, "true"]);
      assertEquals(code, 255);
      assertMatch(stderr, /it is paused/);
      assertEquals((await bundles.command(["resume", id])).code, 0);
    });
  });
});
