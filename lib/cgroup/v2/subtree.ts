import { SysError } from "../../../ffi/errno.ts";
import { readFile } from "../../../ffi/file.ts";
import { readIfThere, writeFile } from "../cgroupfs.ts";
import { ancestors } from "../path.ts";

/**
 * Hands controllers down to a cgroup: each cgroup above it must have them in its
 * `cgroup.subtree_control` (cgroup-v2.rst, Enabling and Disabling).
 *
 * @returns what the kernel has against each controller that could not be had.
 */
export function enableControllers(
  mountpoint: string,
  folder: string,
  controllers: readonly string[],
): Map<string, SysError> {
  const refused = new Map<string, SysError>();
  for (const above of [mountpoint, ...ancestors(mountpoint, folder)]) {
    const file = `${above}/cgroup.subtree_control`;
    const enabled = new Set(readFile(file).trim().split(" "));
    const missing = controllers.filter((name) => !enabled.has(name) && !refused.has(name));
    if (missing.length === 0) continue;
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

/** Whether a cgroup hands controllers down: no process may be in it then, but for the root's (cgroup-v2.rst, "No Internal Process Constraint"). */
export function handsDown(folder: string): boolean {
  return (readIfThere(`${folder}/cgroup.subtree_control`) ?? "").trim() !== "";
}

function tryWrite(file: string, controllers: readonly string[]): SysError | undefined {
  try {
    writeFile(file, controllers.map((name) => `+${name}`).join(" "));
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}

/** What to do about a controller that `cgroup.subtree_control` refuses. */
export function refusalHint(error: SysError): string {
  switch (error.code) {
    case "EBUSY":
      return "Processes stand in a cgroup above it, and cgroup v2 lets only the lowest have any: " +
        "move them to a cgroup of their own";
    case "EINVAL":
      return "cgroup v2 refuses the cpu controller while realtime processes run in other cgroups";
    case "EROFS":
      return "The cgroup file system is mounted read-only: mount -o remount,rw it";
    default:
      return "The controllers at hand are in cgroup.controllers at the mount point";
  }
}
