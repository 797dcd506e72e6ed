import { ContainerError } from "../errors.ts";
import { children, removeFolder, waitUntil } from "./cgroupfs.ts";
import { pidsBelow } from "./processes.ts";

/** Milliseconds within which the last process of a cgroup has to be gone. */
const TIMEOUT = 1000;

/**
 * Removes cgroups with all below them. A process that was just killed keeps its cgroup busy until
 * it is through: it is tried again for up to a second.
 *
 * @throws {ContainerError} InUse when something is still in one of them after that.
 */
export function removeFolders(folders: readonly string[]): void {
  let left = folders;
  const empty = () => (left = left.filter((folder) => !removeTree(folder))).length === 0;
  if (waitUntil(empty, TIMEOUT)) return;
  const pids = [...new Set(left.flatMap(pidsBelow))];
  throw new ContainerError(
    `remove the cgroup ${JSON.stringify(left[0])}: the processes ${pids.join(", ")} are in it`,
    { code: "InUse", hint: `See what they are: ps -o pid,stat,wchan,args -p ${pids.join()}` },
  );
}

function removeTree(folder: string): boolean {
  if (removeFolder(folder)) return true;
  return children(folder).map(removeTree).every(Boolean) && removeFolder(folder);
}
