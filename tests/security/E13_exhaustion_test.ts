/** Row E13: a container that takes what the host has only so much of: processes, and what the killer of the host spares. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Forks until it is refused, and says how far it came; all of them end with it. */
const BOMB = `
n=0
while sleep 300 & do n=$((n + 1)); [ $n -lt 5000 ] || break; done 2>/tmp/refused
echo $n
`;

Deno.test("a bomb of forks comes to an end in the container, and leaves the host its processes", async () => {
  await attack(workspace, async () => {
    const { stdout } = await workspace.run(
      ["-rm", "-net=none", "alpine", "/bin/sh", "-c", `(${BOMB}); cat /tmp/refused`],
    );
    assertMatch(stdout, /can't fork/);
    const told = await workspace.run(
      ["-rm", "-net=none", "-pids", "20", "alpine", "/bin/sh", "-c", `(${BOMB}); cat /tmp/refused`],
    );
    assertMatch(told.stdout, /can't fork/);
  });
});

Deno.test("the limit is the container's own, and stands in its config", async () => {
  await attack(workspace, async () => {
    const script = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true";
    const { stdout } = await workspace.run(["-rm", "-net=none", "alpine", "/bin/sh", "-c", script]);
    assertEquals(stdout, "2048\n");
  });
});

Deno.test("nobody in a container is spared by the killer more than a process of the host is", async () => {
  await attack(workspace, async () => {
    const script = "cat /proc/self/oom_score_adj; echo -1000 > /proc/self/oom_score_adj; " +
      "cat /proc/self/oom_score_adj";
    const { stdout } = await workspace.run(
      ["-rm", "-net=none", "alpine", "/bin/sh", "-c", script],
    );
    const own = Number(Deno.readTextFileSync("/proc/self/oom_score_adj"));
    for (const line of stdout.trim().split("\n")) assert(Number(line) >= own, stdout);
  });
});
