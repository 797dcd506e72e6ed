import { SysError } from "../../../ffi/errno.ts";
import { readFile } from "../../../ffi/file.ts";
import { readIfThere, writeFile } from "../cgroupfs.ts";
import type { Obstacle } from "../missing.ts";
import { ancestors } from "../path.ts";
import { hasProcesses } from "../processes.ts";

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
): Map<string, Obstacle> {
  const refused = new Map<string, Obstacle>();
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
 * Sees to it that a cgroup has controllers, be it that they have to be handed down to it first.
 *
 * @returns as {@link enableControllers}.
 */
export function haveControllers(
  mountpoint: string,
  folder: string,
  controllers: readonly string[],
): Map<string, Obstacle> {
  const present = new Set(readFile(`${folder}/cgroup.controllers`).trim().split(" "));
  const absent = controllers.filter((name) => !present.has(name));
  return absent.length === 0 ? new Map() : enableControllers(mountpoint, folder, absent);
}

/**
 * Whether a cgroup has processes and is not the machine's root, which has no type. Some controllers the kernel would
 * hand down from there all the same, and every cgroup below would be one for threads alone (cgroup-v2.rst, Threads).
 */
function isBusy(folder: string): boolean {
  return readIfThere(`${folder}/cgroup.type`) !== undefined && hasProcesses(folder);
}

function busy(folder: string): Obstacle {
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

function tryWrite(file: string, controllers: readonly string[]): Obstacle | undefined {
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
