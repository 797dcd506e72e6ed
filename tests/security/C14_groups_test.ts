/** C14: groups of whoever calls that a process of a container keeps, or its own first group that it lacks (CVE-2022-36109). */

import { assertEquals } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** With groups that are on no account those of a container. */
const THROUGH = ["setpriv", "--groups", "0,4242,4343"];
const GROUPS = ["sed", "-n", "s/^Groups:[[:space:]]*//p", "/proc/self/status"];

/** Users, and the groups that a process of theirs has. */
const USERS = {
  "1000:100": "100",
  "1000": "0",
  "nobody": "65534",
  "0:5": "5",
  "daemon": "1 2 4",
};

testWith(
  { setpriv: isInstalled("setpriv") },
  "a process has its user's groups, the first one among them, and no others",
  () =>
    attack(workspace, async () => {
      await workspace.image("groups", async (root) => {
        await Deno.writeTextFile(
          `${root}/etc/group`,
          "root:x:0:\ndaemon:x:2:\nadm:x:4:daemon\nbin:x:1:daemon\n",
        );
      });
      const options = { through: THROUGH };
      for (const [user, groups] of Object.entries(USERS)) {
        const { stdout } = await workspace.run([
          "-rm",
          "-net=none",
          "-u",
          user,
          "groups",
          ...GROUPS,
        ], options);
        assertEquals(stdout.trim(), groups, `run -u ${user}`);
      }
      const running = workspace.start(["-rm", "-net=none", "groups", "sleep", "1000"], options);
      const { id } = await running.record();
      for (
        const [words, groups] of [[["-u", "1000:100"], "100"], [
          ["-u", "7:8", "-g", "9"],
          "8 9",
        ]] as const
      ) {
        const { stdout } = await workspace.run(["exec", ...words, id, ...GROUPS], options);
        assertEquals(stdout.trim(), groups, `exec ${words.join(" ")}`);
      }
      await workspace.run(["kill", id, "KILL"]);
      await running.end();
    }),
);
