import { openCgroup } from "../cgroup/cgroup.ts";
import { isAlive } from "./process_identity.ts";
import type { ContainerState } from "./state.ts";

/**
 * The numbers of a container's processes: those of its cgroup, or of its pid namespace where an ordinary user
 * could make no cgroup.
 */
export function membersOf({ record }: ContainerState): number[] {
  if (record.cgroups.length > 0) return openCgroup(record.cgroups).pids();
  const { init } = record;
  const namespace = init && namespaceOf(init.pid);
  // Only now is it certain that what was read is that very process's. In ours everybody else is as well.
  if (namespace === undefined || namespace === namespaceOf("self") || !isAlive(init)) return [];
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => pid > 0 && namespaceOf(pid) === namespace)
    .sort((a, b) => a - b);
}

/** Undefined for a process that has ended, or that is not this user's to look at. */
function namespaceOf(pid: number | "self"): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
