import { SysError } from "../../ffi/errno.ts";
import { umask } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { isGone, makeFolder, readIfThere, removeFolder } from "./cgroupfs.ts";
import { ancestors } from "./path.ts";
import type { Place } from "./place.ts";
import { pidsBelow } from "./processes.ts";
import { inheritBelow, inheritCpuset } from "./v1/inherit_cpuset.ts";
import { enableControllers } from "./v2/subtree.ts";

/**
 * Makes a cgroup's folders, and those above them that are missing. A failure leaves none of them.
 *
 * @param all whether every v2 controller is to be enabled; else that is left to the limits.
 * @returns the folders that were there before.
 * @throws {ContainerError} InUse for a cgroup with processes or a frozen one.
 */
export function createFolders(places: readonly Place[], all: boolean): string[] {
  const made: string[] = [];
  const before: string[] = [];
  // What a container sees of its cgroups, every user in it may read.
  const mask = umask(0o022);
  try {
    for (const place of places) {
      if (createFolder(place, all)) made.push(place.folder);
      else before.push(place.folder);
      prepare(place);
    }
    return before;
  } catch (error) {
    made.reverse().forEach(removeFolder);
    throw error instanceof SysError ? explained(error) : error;
  } finally {
    umask(mask);
  }
}

function createFolder(place: Place, all: boolean): boolean {
  try {
    if (makeFolder(place.folder)) return true;
  } catch (error) {
    if (!isGone(error)) throw error;
    createParents(place, all);
    if (makeFolder(place.folder)) return true;
  }
  checkUnused(place.folder);
  return false;
}

function createParents({ hierarchy, folder }: Place, all: boolean): void {
  for (const above of ancestors(hierarchy.mountpoint, folder)) {
    const isNew = makeFolder(above);
    if (isNew && hierarchy.controllers.includes("cpuset") && hierarchy.version === 1) {
      inheritCpuset(above, hierarchy.mountpoint);
      inheritBelow(above);
    }
  }
  if (hierarchy.version === 2 && all) {
    // What cannot be enabled is told when a limit needs it.
    enableControllers(hierarchy.mountpoint, folder, hierarchy.controllers);
  }
}

function prepare({ hierarchy, folder }: Place): void {
  if (hierarchy.version === 1 && hierarchy.controllers.includes("cpuset")) {
    inheritCpuset(folder, hierarchy.mountpoint);
  }
}

function checkUnused(folder: string): void {
  const quoted = JSON.stringify(folder);
  const pids = pidsBelow(folder);
  if (pids.length > 0) {
    throw new ContainerError(`use the cgroup ${quoted}: it has processes, ${pids.join(", ")}`, {
      code: "InUse",
      hint: "Another container may use it: choose another cgroupsPath",
    });
  }
  const frozen = readIfThere(`${folder}/cgroup.freeze`)?.trim() === "1" ||
    (readIfThere(`${folder}/freezer.state`)?.trim() ?? "THAWED") !== "THAWED";
  if (frozen) {
    throw new ContainerError(`use the cgroup ${quoted}: it is frozen`, {
      code: "InUse",
      hint: `Thaw it first: cgroup.freeze or freezer.state in ${folder}`,
    });
  }
}

function explained(error: SysError): ContainerError {
  return new ContainerError(`make the container's cgroup: ${error.message}`, {
    code: error.code === "EROFS" ? "Unsupported" : "Failed",
    ...hintFor(error),
    cause: error,
  });
}

function hintFor(error: SysError): { hint?: string } {
  switch (error.code) {
    case "EROFS":
      return { hint: "The cgroup file system is mounted read-only: mount -o remount,rw it" };
    case "EACCES":
    case "EPERM":
      return { hint: "Making cgroups takes root of the machine, or a cgroup delegated to you" };
    case "EAGAIN":
      return { hint: "cgroup.max.descendants or cgroup.max.depth above it allows no more" };
    case "ENOMEM":
    case "ENOSPC":
      return { hint: "The kernel has 65535 cgroups at most: remove old ones" };
    default:
      return {};
  }
}
