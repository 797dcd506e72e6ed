/** Row D5: a program of the container that the host runs: release_agent, core_pattern, uevent_helper (CVE-2022-0492). */

import { assert, assertEquals } from "@std/assert";
import { exists } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

/** Where the host looks for a program to run. */
const HELPERS = [
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/kernel/hotplug",
  "/sys/kernel/uevent_helper",
].filter((path) => exists(path));

/** Makes a cgroup with a release_agent wherever it can. The agent would write a file on the host. */
const ESCAPE = `
for c in /sys/fs/cgroup/* /sys/fs/cgroup; do
  mkdir $c/evil
  echo /agent > $c/release_agent
  echo 1 > $c/notify_on_release
  mount -o remount,rw $c
done
try() {
  for c in memory cpu cpuset devices freezer pids blkio rdma misc name=evil; do
    mkdir -p /mnt/$c
    mount -t cgroup -o $c cgroup /mnt/$c || mount -t cgroup -o none,$c cgroup /mnt/$c || continue
    mkdir /mnt/$c/evil && echo 1 > /mnt/$c/evil/notify_on_release
    echo /agent > /mnt/$c/release_agent && echo AGENT
    sh -c "echo \\$\\$ > /mnt/$c/evil/cgroup.procs"
  done
}
try
`;

Deno.test("no cgroup of the container can be written or mounted so that the host runs its agent", async () => {
  await attack(workspace, async ({ folder }) => {
    const marker = `${folder}/marker`;
    await workspace.image(
      "agent",
      (root) =>
        Deno.writeTextFile(`${root}/agent`, `#!/bin/sh\necho > ${marker}\n`, { mode: 0o755 }),
    );
    for (const script of [ESCAPE, `unshare -Urm sh -c '${ESCAPE}'`]) {
      // Without the filter it is the cgroups themselves that have to hold.
      for (const filter of [[], ["-security", "seccomp=unconfined"]]) {
        const { stdout } = await workspace.run(
          ["-net=none", ...filter, "agent", "/bin/sh", "-c", script],
        );
        assertEquals(stdout.includes("AGENT"), false, stdout);
      }
    }
    assert(!exists(marker));
  });
});

Deno.test("the cgroups inside are read-only, every one of them", async () => {
  await attack(workspace, async () => {
    const script =
      "for c in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -d $c ] && touch $c/x && echo $c; " +
      "for f in tasks cgroup.procs memory.limit_in_bytes pids.max devices.allow cgroup.kill; do " +
      "[ -e $c/$f ] && echo 1 > $c/$f && echo $c/$f; done; done; echo end";
    const { stdout } = await workspace.run(["-net=none", "alpine", "/bin/sh", "-c", script]);
    assertEquals(stdout, "end\n");
  });
});

Deno.test("the programs that the kernel calls stay the host's", async () => {
  await attack(workspace, async () => {
    const before = HELPERS.map((path) => Deno.readTextFileSync(path));
    const write = "for f in $@; do echo '|/agent' > $f && echo WRITTEN; done";
    const script = `${write}; unshare -Urm sh -c '${write}' sh $@; true`;
    const { stdout } = await workspace.run(
      ["-net=none", "alpine", "/bin/sh", "-c", script, "sh", ...HELPERS],
    );
    assertEquals(stdout, "");
    assertEquals(HELPERS.map((path) => Deno.readTextFileSync(path)), before);
  });
});
