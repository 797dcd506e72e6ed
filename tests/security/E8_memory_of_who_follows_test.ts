/** Row E8: a program that says more than anybody reads, so that who relays it grows without end (CVE-2022-1708). */

import { assert } from "@std/assert";
import { Bundles } from "../integration/support/bundle.ts";
import { Terminal } from "../integration/support/terminal.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Resident memory that is a process's own, in KiB. */
function ownMemory(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(status.match(/^RssAnon:\s+(\d+)/m)?.[1]);
}

/** How much more it may be than at first: a relay's buffers, not what is relayed. */
const ALLOWED = 16 * 1024;

/** Asserts that a process does not grow while a program writes into a terminal that nobody reads. */
async function assertSteady(args: readonly string[]): Promise<void> {
  using terminal = new Terminal();
  const running = terminal.start(workspace, args);
  const pid = running.pid;
  await until("it is the relay", () => {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).startsWith("gocontainer");
  });
  await new Promise((resolve) => setTimeout(resolve, 700));
  const first = ownMemory(pid);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const last = ownMemory(pid);
  running.kill("SIGKILL");
  assert(last - first < ALLOWED, `from ${first} to ${last} KiB`);
}

Deno.test("what a container says into a terminal that nobody reads is not heaped up", async () => {
  await attack(workspace, async () => {
    await assertSteady(["-t", "-rm", "-net=none", "alpine", "yes"]);
    await workspace.run(["gc"]);
  });
});

Deno.test("nor what is said by exec", async () => {
  await attack(workspace, async () => {
    await bundles.during(() => {}, async (id) => {
      await assertSteady([...bundles.global, "exec", "-t", id, "yes"]);
    });
  });
});
