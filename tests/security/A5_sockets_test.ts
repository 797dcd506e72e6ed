/** Row A5: a socket of the runtime's that a container can reach, in the network namespace of the host (CVE-2020-15257). */

import { assert, assertEquals } from "@std/assert";
import { Bundles, dropNamespace } from "../integration/support/bundle.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { testWith } from "../engines/support/skip.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Names of sockets as /proc/net/unix has them: an abstract one begins with "@" (unix(7)). */
function socketsIn(table: string): string[] {
  return table.trim().split("\n").slice(1).map((line) => line.trim().split(/\s+/)[7])
    .filter((name) => name !== undefined);
}

function socketsOfHost(): string[] {
  return socketsIn(Deno.readTextFileSync("/proc/net/unix"));
}

function isAbstract(name: string): boolean {
  return name.startsWith("@");
}

Deno.test("a container on the host's network finds no socket without a file", async () => {
  await attack(workspace, async () => {
    const before = socketsOfHost().filter(isAbstract);
    for (const options of [[], ["-t"]]) {
      const script = "cat /proc/net/unix; echo ready; exec sleep 1000";
      const args = ["-net=host", ...options, "alpine", "/bin/sh", "-c", script];
      const running = workspace.start(args);
      await running.says(/ready/);
      const seen = [...socketsIn(running.stdout), ...socketsOfHost()].filter(isAbstract);
      assertEquals(seen.filter((name) => !before.includes(name)), []);
      running.kill("SIGKILL");
      await running.end();
      assertEquals((await workspace.run(["gc"])).code, 0);
    }
  });
});

testWith(
  { setpriv: isInstalled("setpriv") },
  "the socket on which a created container waits is root's alone",
  async () => {
    await attack(workspace, async () => {
      const before = socketsOfHost();
      const bundle = await bundles.make("true", (spec) => dropNamespace(spec, "network"));
      const id = bundles.id();
      const made = await bundles.command(["create", "-b", bundle, id], {
        through: ["sh", "-c", 'exec "$@" >/dev/null </dev/null 2>&1', "sh"],
      });
      assertEquals(made.code, 0);
      try {
        const fresh = socketsOfHost().filter((name) => !before.includes(name));
        assertEquals(fresh.filter(isAbstract), []);
        assert(fresh.length > 0, "a created container waits on a socket");
        // Named by a descriptor of the process that made it, so the folder is what keeps others out.
        const root = workspace.path("state");
        const folder = `${root}/${id}`;
        Deno.chmodSync(workspace.folder, 0o755);
        assert(Deno.lstatSync(`${folder}/start.sock`).isSocket);
        for (const command of [`ls ${root}`, `ls ${folder}`, `test -e ${folder}/start.sock`]) {
          const { success } = await new Deno.Command("setpriv", {
            args: ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command],
            stderr: "null",
          }).output();
          assert(!success, command);
        }
      } finally {
        assertEquals((await bundles.command(["delete", "--force", id])).code, 0);
      }
    });
  },
);
