/** Row E7: programs that gocontainer runs as root, found by the caller's PATH. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exists, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const NAMES = [
  "ip",
  "nft",
  "iptables",
  "iptables-nft",
  "iptables-legacy",
  "tar",
  "gzip",
  "xz",
  "zstd",
]
  .concat("mount", "umount", "modprobe", "sysctl", "sh", "id", "getent", "nsenter");

Deno.test("a program of the caller's PATH is not run, and none of the current folder", async () => {
  await attack(workspace, async () => {
    const evil = await Deno.makeTempDir({ dir: workspace.folder });
    for (const name of NAMES) {
      const script = `#!/bin/sh\necho ${name} >> ${evil}/ran\nexit 1\n`;
      await Deno.writeTextFile(`${evil}/${name}`, script, { mode: 0o755 });
    }
    for (const path of [`${evil}:/usr/sbin:/usr/bin`, ".", "", evil]) {
      const { code } = await workspace.run(
        ["-i", workspace.path("images"), "-c", workspace.path("containers"), "alpine", "true"],
        { env: { PATH: path }, cwd: evil },
      );
      assertEquals(code, 0);
    }
    assert(!exists(`${evil}/ran`), "a program of the caller's has been run");
  });
});

Deno.test({
  name: "helpers are run by their absolute path and with an empty environment",
  ignore: !isInstalled("strace"),
  fn: async () => {
    await attack(workspace, async () => {
      const log = workspace.path("exec.log");
      const { code } = await workspace.run(["alpine", "true"], {
        through: ["strace", "-f", "-qqq", "-v", "-s", "999", "-e", "trace=execve", "-o", log],
        env: { LD_LIBRARY_PATH: "/nowhere", SECRET: "secret" },
      });
      assertEquals(code, 0);
      const calls = (await Deno.readTextFile(log)).split("\n")
        .map((line) => line.match(/execve\("([^"]*)", (\[.*\]), (\[.*\])\)? /))
        .filter((match) => match !== null);
      // The first is strace's own start of the binary; what ends in the program is the container's.
      const helpers = calls.slice(1).filter(([, , argv]) => !argv.endsWith('"true"]'));
      assert(helpers.length > 0);
      for (const [, path, , environment] of helpers) {
        assertMatch(path, /^\/(usr\/)?s?bin\/(ip|nft|iptables\S*)$/);
        assertEquals(environment, "[]");
      }
      assertMatch(calls.at(-1)![1], /^\/(usr\/)?bin\/true$/);
    });
  },
});
