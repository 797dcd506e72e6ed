/** Row A6: what the runtime reads where it looks for the program, with rights that the container has not. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles } from "../integration/support/bundle.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Where a link in the place of a program leads to. What is read of the first is gone from the host's log. */
const TARGETS = ["/proc/kmsg", "/proc/version", "/etc/shadow"];

for (const target of TARGETS) {
  testWith(
    { strace: isInstalled("strace") },
    `a program that is a link to ${target} is refused unread`,
    async () => {
      const trace = workspace.path("trace");
      const strace = ["strace", "-f", "-y", "-o", trace, "-e", "trace=openat,openat2"];
      const refused = async (args: readonly string[]) => {
        const { code, stderr } = await bundles.command(args, { through: strace });
        assert(code !== 0);
        assertMatch(stderr, /run "\/bin\/look": not executable: permission denied$/m);
        const opened = (await Deno.readTextFile(trace)).split("\n")
          .filter((call) => call.trim().endsWith(`${target}>`));
        assert(opened.length > 0, "the file was not looked at");
        assertEquals(opened.filter((call) => !call.includes("O_PATH")), []);
      };
      const bundle = await bundles.make("", (spec) => {
        spec.process.args = ["look"];
      });
      await Deno.symlink(target, `${bundle}/rootfs/bin/look`);
      await refused(["run", "-b", bundle, bundles.id()]);
      await bundles.during(() => {}, async (id, _, running) => {
        await Deno.symlink(target, `${running}/rootfs/bin/look`);
        await refused(["exec", id, "look"]);
      });
    },
  );
}
