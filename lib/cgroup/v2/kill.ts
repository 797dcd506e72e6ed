import { SysError } from "../../../ffi/errno.ts";
import { isGone, writeFile } from "../cgroupfs.ts";

/**
 * Kills all processes of a cgroup and those below it, since Linux 5.14 (cgroup-v2.rst, cgroup.kill): also frozen
 * ones, and what they would still fork.
 *
 * @returns whether the kernel did: it does not know how, or not for a threaded cgroup; or the cgroup is gone.
 */
export function killTree(folder: string): boolean {
  try {
    writeFile(`${folder}/cgroup.kill`, "1");
    return true;
  } catch (error) {
    if (isGone(error) || (error instanceof SysError && error.code === "EOPNOTSUPP")) return false;
    throw error;
  }
}
