import { SysError } from "../../../ffi/errno.ts";
import { readFile } from "../../../ffi/file.ts";
import { readIfThere, writeFile } from "../cgroupfs.ts";
import { ancestors } from "../path.ts";
import { hasProcesses } from "../processes.ts";

/** What stands against handing a controller down. */
export interface Refusal {
  /** The rest of a sentence. */
  readonly why: string;
  readonly hint: string;
}

/**
 * Hands controllers down to a cgroup: each cgroup above it must have them in its
 * `cgroup.subtree_control` (cgroup-v2.rst, Enabling and Disabling).
 *
 * @returns what stands against each controller that could not be had.
 */
export function enableControllers(
  mountpoint: string,
  folder: string,
  controllers: readonly string[],
): Map<string, Refusal> {
  const refused = new Map<string, Refusal>();
  for (const above of [mountpoint, ...ancestors(mountpoint, folder)]) {
    const file = `${above}/cgroup.subtree_control`;
    const enabled = new Set(readFile(file).trim().split(" "));
    const missing = controllers.filter((name) => !enabled.has(name) && !refused.has(name));
    if (missing.length === 0) continue;
    if (isBusy(above)) {
      for (const name of missing) refused.set(name, busy(above));
      continue;
    }
    const refusal = tryWrite(file, missing);
    if (!refusal) continue;
    if (missing.length === 1) refused.set(missing[0]!, refusal);
    else {
      // The kernel takes all of them or none, so a single one that cannot be had is told apart.
      for (const name of missing) {
        const refusal = tryWrite(file, [name]);
        if (refusal) refused.set(name, refusal);
      }
    }
  }
  return refused;
}

/**
 * Whether a cgroup has processes and is not the machine's root, which has no type. Some controllers the kernel would
 * hand down from there all the same, and every cgroup below would be one for threads alone (cgroup-v2.rst, Threads).
 */
function isBusy(folder: string): boolean {
  return readIfThere(`${folder}/cgroup.type`) !== undefined && hasProcesses(folder);
}

function busy(folder: string): Refusal {
  return {
    why: `processes stand in the cgroup "${folder}"`,
    hint:
      "Move them to one of their own, for only a cgroup without processes hands controllers down: " +
      `mkdir ${folder}/init && xargs -n1 <${folder}/cgroup.procs >${folder}/init/cgroup.procs`,
  };
}

/** Whether a cgroup hands controllers down: no process may be in it then, but for the root's (cgroup-v2.rst, "No Internal Process Constraint"). */
export function handsDown(folder: string): boolean {
  return (readIfThere(`${folder}/cgroup.subtree_control`) ?? "").trim() !== "";
}

function tryWrite(file: string, controllers: readonly string[]): Refusal | undefined {
  try {
    writeFile(file, controllers.map((name) => `+${name}`).join(" "));
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return { why: error.message, hint: refusalHint(error) };
    throw error;
  }
}

/** What to do about a controller that `cgroup.subtree_control` refuses. */
function refusalHint(error: SysError): string {
  switch (error.code) {
    case "EINVAL":
      return "cgroup v2 refuses the cpu controller while realtime processes run in other cgroups";
    case "EROFS":
      return "The cgroup file system is mounted read-only: mount -o remount,rw it";
    default:
      return "The controllers at hand are in cgroup.controllers at the mount point";
  }
}
