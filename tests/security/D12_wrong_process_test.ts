/** Row D12: a process number that belongs to somebody else by now. */

import { assert, assertEquals } from "@std/assert";
import { identify } from "../../lib/runtime/process_identity.ts";
import { exists, STATE } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Leaves the record of a container whose owner is gone and whose first process had these traits. */
async function leaveRecord(init: { pid: number; startTime: string }): Promise<string> {
  const id = crypto.randomUUID();
  await Deno.mkdir(`${STATE}/${id}`, { mode: 0o700 });
  const bundle = workspace.path(`containers/${id}`);
  const record = {
    ociVersion: "1.0.0",
    id,
    name: id,
    bundle,
    config: `${bundle}/config.json`,
    created: new Date().toISOString(),
    owner: { pid: init.pid, startTime: "1" },
    init,
    started: true,
    cgroups: [],
  };
  await Deno.writeTextFile(`${STATE}/${id}/state.json`, JSON.stringify(record));
  return id;
}

Deno.test("gc kills no process that has got the number of a container's", async () => {
  await attack(workspace, async () => {
    const other = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      const id = await leaveRecord({ pid: other.pid, startTime: "12345" });
      const { code, stdout } = await workspace.run(["gc"]);
      assertEquals([code, stdout], [0, `${id}\n`]);
      assert(!exists(`${STATE}/${id}`));
      assert(identify(other.pid) !== undefined, "the other process has been killed");
    } finally {
      other.kill("SIGTERM");
      // Killed by this test, not before.
      assertEquals((await other.status).signal, "SIGTERM");
    }
  });
});

Deno.test("gc does kill the very process that is on record", async () => {
  await attack(workspace, async () => {
    const left = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    const id = await leaveRecord(identify(left.pid)!);
    assertEquals((await workspace.run(["gc"])).stdout, `${id}\n`);
    assertEquals((await left.status).signal, "SIGKILL");
  });
});

Deno.test("a signal goes to the program, not to what has its number on the host", async () => {
  await attack(workspace, async () => {
    // Process 1 inside; on the host that is the init of the machine.
    const script =
      "trap 'echo got it; exit 0' USR1; echo ready; sleep 1000 & while :; do wait; done";
    const running = workspace.start(["-net=none", "alpine", "/bin/sh", "-c", script]);
    await running.says(/ready/);
    running.kill("SIGUSR1");
    assertEquals((await running.end()).stdout, "ready\ngot it\n");
    assert(identify(1) !== undefined);
  });
});
