import { ContainerError } from "../errors.ts";
import { removeFolder, waitUntil } from "./cgroupfs.ts";
import { pidsBelow } from "./processes.ts";
import { isLeaf, walkTree } from "./tree.ts";

/** Milliseconds within which a process that was killed is through, as a rule. */
const SOON = 20;
/** Milliseconds within which the last process of a cgroup has to be gone. */
const TIMEOUT = 1000;

/**
 * Removes cgroups with all below them. A process that was just killed keeps its cgroup busy until
 * it is through: it is tried again for up to a second.
 *
 * @param thaw lets go on what is frozen in them, which could not end.
 * @throws {ContainerError} InUse when something is still in one of them after that.
 */
export function removeFolders(folders: readonly string[], thaw: () => void): void {
  let left = folders;
  const isEmpty = () => (left = left.filter((folder) => !removeTree(folder))).length === 0;
  if (waitUntil(isEmpty, SOON)) return;
  const isEmptyThawed = () => {
    thaw();
    return isEmpty();
  };
  if (!waitUntil(isEmptyThawed, TIMEOUT)) throw inTheWay(left);
}

function removeTree(folder: string): boolean {
  if (removeFolder(folder)) return true;
  walkTree(folder, { leave: (dirfd, name) => removeFolder(name, dirfd) });
  return removeFolder(folder);
}

function inTheWay(left: readonly string[]): ContainerError {
  const action = `remove the cgroup ${JSON.stringify(left[0])}`;
  const pids = [...new Set(left.flatMap((folder) => pidsBelow(folder)))];
  if (pids.length > 0) {
    return new ContainerError(`${action}: the processes ${pids.join(", ")} are in it`, {
      code: "InUse",
      hint: `See what they are: ps -o pid,stat,wchan,args -p ${pids.join()}`,
    });
  }
  if (!isLeaf(left[0])) {
    return new ContainerError(`${action}: there are cgroups below it, though no process`, {
      code: "InUse",
      hint: `See which they are: find ${left[0]} -type d`,
    });
  }
  return new ContainerError(`${action}: it is busy, though no process is to be seen in it`, {
    code: "InUse",
    hint: "A process that has ended may be about to leave it: try again",
  });
}
