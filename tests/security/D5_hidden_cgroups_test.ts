/** Row D5: cgroups that a container makes in its own, for processes that are neither to be found nor to be ended there. */

import { assertEquals } from "@std/assert";
import { Bundles, dropNamespace, type FilledSpec } from "../integration/support/bundle.ts";
import { exists } from "../integration/support/project.ts";
import { until } from "../integration/support/wait.ts";
import { Workspace } from "../integration/support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Puts a process in a cgroup below the container's in each hierarchy: hide PID NAME DEPTH. */
const HIDE = `
hide() {
  for c in $(for c in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -e $c/cgroup.procs ] && echo $c; done); do
    cd $c
    i=0
    while [ $i -lt $3 ]; do
      mkdir "$2"
      for f in cpuset.cpus cpuset.mems; do [ -e $f ] && cat $f > "$2/$f"; done
      cd -P "$2"
      i=$((i + 1))
    done
    echo $1 > cgroup.procs
    $4
  done
}
freeze() {
  [ -e freezer.state ] && echo FROZEN > freezer.state
  [ -e cgroup.freeze ] && echo 1 > cgroup.freeze
}
`;

const PLACES: readonly (readonly [string, string])[] = [
  ["with a name that is not UTF-8", `hide $! "$(printf '\\377x')" 1`],
  ["deeper than a path may be long", `hide $! $(printf %0200d 0) 40`],
  ["that it has frozen", "hide $! x 1 freeze"],
];

/** A container that can write its cgroups, and tells by a file when all is done. */
function hiding(spec: FilledSpec, place: string, last: string): void {
  const cgroup = spec.mounts.find(({ type }) => type === "cgroup")!;
  cgroup.options = cgroup.options!.filter((option) => option !== "ro");
  const script = `${HIDE} sleep 1000 & ${place}; : > /ready; exec sleep ${last}`;
  spec.process.args = ["/bin/sh", "-c", script];
}

/** Does something with a container when it has made its cgroups; it is to be deleted then, with all of them. */
async function whenMade(
  change: (spec: FilledSpec) => void,
  body: (id: string) => Promise<void>,
): Promise<void> {
  await bundles.during(change, async (id, _pid, bundle) => {
    await until("the cgroups are made", () => exists(`${bundle}/rootfs/ready`));
    const { cgroups } = JSON.parse(
      await Deno.readTextFile(workspace.path(`state/${id}/state.json`)),
    );
    await body(id);
    // A cgroup with a process in it, or below it, cannot be removed.
    assertEquals(cgroups.filter(exists), []);
    assertEquals(exists(workspace.path(`state/${id}`)), false);
  });
}

/** Runs a command of the runtime that is to go well, and returns what it says. */
async function command(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await bundles.command(words);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

for (const [where, place] of PLACES) {
  Deno.test(`a process in a cgroup ${where} is listed, and ended by delete --force`, async () => {
    await whenMade((spec) => hiding(spec, place, "1000"), async (id) => {
      assertEquals(JSON.parse(await command("ps", "--format", "json", id)).length, 2);
      await command("delete", "--force", id);
    });
  });

  Deno.test(`a process in a cgroup ${where} is ended by delete when the first one has ended before`, async () => {
    const change = (spec: FilledSpec) => {
      dropNamespace(spec, "pid");
      hiding(spec, place, "0");
    };
    await whenMade(change, async (id) => {
      const status = async () => JSON.parse(await command("state", id)).status;
      await until("the first process has ended", async () => await status() === "stopped");
      await command("delete", id);
    });
  });
}

Deno.test("a container that makes cgroups without end is deleted all the same", async () => {
  const make =
    "for c in /sys/fs/cgroup /sys/fs/cgroup/*; do (cd $c; while mkdir x; do cd -P x; done)& done";
  const change = (spec: FilledSpec) => {
    dropNamespace(spec, "pid");
    hiding(spec, make, "1000");
  };
  await whenMade(change, async (id) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await command("delete", "--force", id);
  });
});
