import { assertEquals } from "@std/assert";
import { pids } from "../../integration/support/host.ts";
import { entriesOf, STATE } from "../../integration/support/project.ts";
import { until } from "../../integration/support/wait.ts";

/**
 * Asserts that nothing of containers is left on the host: record, mount, cgroup or process. What the
 * kernel takes back by itself goes a moment after the last process: that is waited for.
 *
 * @param ids the containers.
 * @param folder where no mount may be either.
 */
export async function assertNothingIsLeft(ids: readonly string[], folder?: string): Promise<void> {
  let left: string[] = [];
  await until("nothing is left", () => {
    left = [...records(ids), ...mounts(ids, folder), ...cgroups(ids), ...processes(ids)];
    return left.length === 0;
  }, 5000).catch(() => {});
  assertEquals(left, []);
}

function records(ids: readonly string[]): string[] {
  return entriesOf(STATE).map(({ name }) => name).filter((name) => ids.includes(name));
}

function mounts(ids: readonly string[], folder?: string): string[] {
  return mountinfo().map((line) => line.split(" ")[4]!)
    .filter((path) =>
      (folder !== undefined && path.startsWith(`${folder}/`)) || ids.some((id) => path.includes(id))
    );
}

function cgroups(ids: readonly string[]): string[] {
  const hierarchies = mountinfo().filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4]!);
  return [...new Set(hierarchies)].flatMap((mountpoint) =>
    PARENTS.flatMap((parent) =>
      entriesOf(`${mountpoint}/${parent}`)
        .filter(({ name }) => ids.some((id) => name.includes(id)))
        .map(({ name }) => `${mountpoint}/${parent}/${name}`)
    )
  );
}

/** Where podman, docker and ctr put the cgroups of containers. */
const PARENTS: readonly string[] = ["libpod_parent", "docker", "default", "machine.slice"];

function processes(ids: readonly string[]): string[] {
  return pids().flatMap((pid) => {
    try {
      const cgroup = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
      return ids.some((id) => cgroup.includes(id)) ? [`process ${pid}`] : [];
    } catch (error) {
      const gone = error instanceof Deno.errors.NotFound ||
        error instanceof Error && error.message.includes("os error 3");
      if (gone) return [];
      throw error;
    }
  });
}

function mountinfo(): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n");
}
