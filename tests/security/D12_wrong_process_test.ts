/** Row D12: a process number that belongs to somebody else by now. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SIGNALS } from "../../ffi/constants.ts";
import { signalMembers } from "../../lib/cgroup/processes.ts";
import { identify } from "../../lib/runtime/process_identity.ts";
import { exists, STATE } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Leaves the record of a container of the runtime, in a state folder of its own. */
async function leaveStopped(init: { pid: number; startTime: string }) {
  const state = workspace.path("state");
  const id = `oci-${crypto.randomUUID()}`;
  await Deno.mkdir(`${state}/${id}`, { mode: 0o700, recursive: true });
  await Deno.chmod(state, 0o700);
  const config = `${state}/${id}/config.json`;
  await Deno.writeTextFile(config, JSON.stringify({ ociVersion: "1.0.0", root: { path: "x" } }));
  const created = new Date().toISOString();
  const record = { ociVersion: "1.0.0", id, name: id, bundle: workspace.folder, config, created };
  const rest = { init, built: true, started: true, cgroups: [] };
  await Deno.writeTextFile(`${state}/${id}/state.json`, JSON.stringify({ ...record, ...rest }));
  return { id, state };
}

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

Deno.test("no command of the runtime takes it for the container's", async () => {
  await attack(workspace, async () => {
    const other = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      const { id, state } = await leaveStopped({ pid: other.pid, startTime: "12345" });
      const runtime = (...words: string[]) => workspace.run(["--root", state, ...words]);
      assertEquals(JSON.parse((await runtime("state", id)).stdout).status, "stopped");
      const REFUSED: readonly [string[], RegExp][] = [
        [["kill", id, "KILL"], /container not running/],
        [["exec", id, "true"], /it is stopped, container not running/],
        [["start", id], /it is stopped, not created/],
        [["pause", id], /it is stopped/],
      ];
      for (const [words, why] of REFUSED) {
        const { code, stderr } = await runtime(...words);
        assert(code !== 0, words[0]);
        assertMatch(stderr, why);
      }
      assertEquals((await runtime("delete", "--force", id)).code, 0);
      assert(identify(other.pid) !== undefined, "the other process has been killed");
    } finally {
      other.kill("SIGTERM");
      assertEquals((await other.status).signal, "SIGTERM");
    }
  });
});

Deno.test("a signal to all processes spares what is none of them by the time it is sent", async () => {
  const [member, other] = [1, 2].map(() => new Deno.Command("sleep", { args: ["1000"] }).spawn());
  const answers = [[member.pid, other.pid], [member.pid]];
  signalMembers(() => answers.shift()!, SIGNALS.SIGTERM);
  assertEquals((await member.status).signal, "SIGTERM");
  other.kill("SIGKILL");
  assertEquals((await other.status).signal, "SIGKILL");
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
