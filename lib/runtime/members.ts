import { readFile } from "../../ffi/file.ts";
import { openCgroup } from "../cgroup/cgroup.ts";
import { SysError } from "../errors.ts";
import { identify, isAlive } from "./process_identity.ts";
import type { ContainerState } from "./state.ts";

/**
 * The numbers of a container's processes: those of its cgroup. Where an ordinary user could make none, those of
 * its pid namespace; or, when that is another container's as well, the first process and what descends from it.
 */
export function membersOf({ record }: ContainerState): number[] {
  if (record.cgroups.length > 0) return openCgroup(record.cgroups).pids();
  const { init } = record;
  const namespace = init && namespaceOf(init.pid);
  if (namespace === undefined) return [];
  const isOwn = /^NSpid:.*\s1$/m.test(readIfThere(`/proc/${init!.pid}/status`));
  const neighbours = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    // A zombie still counts as one of the namespace.
    .filter((pid) => pid > 0 && namespaceOf(pid) === namespace && identify(pid) !== undefined);
  const found = isOwn ? neighbours : familyOf(init!.pid, neighbours);
  // Only now is it certain that what was read is that very process's.
  return isAlive(init) ? found.sort((a, b) => a - b) : [];
}

/** A process and those of others that descend from it. */
function familyOf(first: number, others: readonly number[]): number[] {
  const parents = others.map((pid) =>
    [pid, Number(readIfThere(`/proc/${pid}/status`).match(/^PPid:\s*(\d+)$/m)?.[1])] as const
  );
  const family = [first];
  // What is added meanwhile is looked at as well.
  for (const member of family) {
    family.push(...parents.filter(([, parent]) => parent === member).map(([pid]) => pid));
  }
  return family;
}

function readIfThere(path: string): string {
  try {
    return readFile(path);
  } catch (error) {
    if (error instanceof SysError) return "";
    throw error;
  }
}

/** Undefined for a process that has ended, or that is not this user's to look at. */
function namespaceOf(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
