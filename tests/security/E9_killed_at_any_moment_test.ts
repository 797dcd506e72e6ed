/** Row E9: gocontainer is killed while it makes, starts or deletes a container: what is left can be taken back, and no lock stays. */

import { assert, assertEquals } from "@std/assert";
import { Bundles } from "../integration/support/bundle.ts";
import { testWith } from "../engines/support/skip.ts";
import { entriesOf, exists, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { Random } from "../unit/oci/random.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Runs a command and kills it after some milliseconds, if it has not ended by then. */
async function killAfter(ms: number, args: readonly string[], log: string): Promise<void> {
  const through = ["sh", "-c", 'exec "$@" >"$0" 2>&1 </dev/null', log];
  const running = workspace.start([...bundles.global, ...args], { through });
  const timer = setTimeout(() => running.kill("SIGKILL"), ms);
  await running.gone();
  clearTimeout(timer);
}

Deno.test("whenever create, run or start is killed, delete --force takes back what is there", async () => {
  await attack(workspace, async () => {
    const bundle = await bundles.make("exec sleep 1000");
    const random = new Random(9);
    const state = workspace.path("state");
    for (let round = 0; round < 24; round++) {
      const id = bundles.id();
      const ms = 20 + random.below(110);
      const command = random.pick([["create"], ["run", "-d"]]);
      await killAfter(ms, [...command, "-b", bundle, id], `${bundle}/log`);
      const what = `${command} killed after ${ms} ms: ${Deno.readTextFileSync(`${bundle}/log`)}`;
      const listed = await bundles.command(["list", "-q"]);
      assertEquals(listed.code, 0, `${what}\n${listed.stderr}`);
      const deleted = await bundles.command(["delete", "--force", id]);
      assertEquals(deleted.code, 0, `${what}\n${deleted.stderr}`);
      assert(!exists(`${state}/${id}/state.json`), what);
      // The same id is to be had again at once.
      const again = await bundles.command(["run", "-b", bundle, "-d", id], {
        through: ["sh", "-c", 'exec "$@" >"$0" 2>&1 </dev/null', `${bundle}/log`],
      });
      assertEquals(again.code, 0, `${what}\n${Deno.readTextFileSync(`${bundle}/log`)}`);
      await killAfter(20 + random.below(60), ["delete", "--force", id], `${bundle}/log`);
      const last = await bundles.command(["delete", "--force", id]);
      assertEquals(last.code, 0, last.stderr);
    }
    assertEquals(entriesOf(state).filter(({ isDirectory }) => isDirectory), []);
  });
});

testWith(
  { strace: isInstalled("strace") },
  "a config that was being written down when gocontainer was killed is in nobody's way",
  async () => {
    await attack(workspace, async () => {
      const bundle = await bundles.make("true");
      const id = bundles.id();
      const folder = `${workspace.path("state")}/${id}`;
      const config = `${folder}/config.json`;
      const through = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=write"]
        .concat("-P", config, "-P", `${config}.new`, "-e", "inject=write:error=EIO:signal=KILL");
      await bundles.command(["create", "-b", bundle, id], { through });
      assertEquals([exists(`${folder}/state.json`), exists(config)], [true, false]);
      for (const command of [["list"], ["state", id], ["delete", "--force", id]]) {
        const { code, stderr } = await bundles.command(command);
        assertEquals([code, stderr], [0, ""]);
      }
      assert(!exists(folder));
    });
  },
);
