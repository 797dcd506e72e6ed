import { AT_FDCWD, O_WRONLY } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat, umask } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { isGone, makeFolder, readIfThere, removeFolder } from "./cgroupfs.ts";
import { ownFolder } from "./own.ts";
import { ancestors } from "./path.ts";
import type { Place } from "./place.ts";
import { pidsBelow } from "./processes.ts";
import { inheritBelow, inheritCpuset } from "./v1/inherit_cpuset.ts";
import { enableControllers } from "./v2/subtree.ts";

/** What {@link createFolders} has come to. */
export interface Created {
  /** The folders that were there before. */
  readonly before: readonly string[];
  /** The places that there is no right to. */
  readonly denied: readonly Place[];
}

/**
 * Makes a cgroup's folders, and those above them that are missing. A failure leaves none of them.
 *
 * @param options.all whether every v2 controller is to be enabled; else that is left to the limits.
 * @param options.ifAllowed whether to do without what there is no right to.
 * @throws {ContainerError} InUse for a cgroup with processes or a frozen one.
 */
export function createFolders(
  places: readonly Place[],
  { all, ifAllowed = false }: { readonly all: boolean; readonly ifAllowed?: boolean },
): Created {
  const made: string[] = [];
  const before: string[] = [];
  const denied: Place[] = [];
  // What a container sees of its cgroups, every user in it may read.
  const mask = umask(0o022);
  try {
    for (const place of places) {
      try {
        if (createFolder(place, all)) made.push(place.folder);
        else before.push(place.folder);
        prepare(place);
        if (ifAllowed) checkJoinable(place);
      } catch (error) {
        if (!ifAllowed || !isDenied(error)) throw error;
        denied.push(place);
        if (made.at(-1) === place.folder) removeFolder(made.pop()!);
        else if (before.at(-1) === place.folder) before.pop();
      }
    }
    return { before, denied };
  } catch (error) {
    made.reverse().forEach((folder) => removeFolder(folder));
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

/**
 * Who is not root may move a process only between cgroups that lie, on v2, below one where he may do so
 * (cgroups(7), "Delegation").
 *
 * @throws {SysError} when he may not.
 */
function checkJoinable({ hierarchy, folder }: Place): void {
  const { mountpoint } = hierarchy;
  const files = hierarchy.version === 1 ? [`${folder}/tasks`] : [
    `${folder}/cgroup.procs`,
    `${commonFolder(folder, ownFolder(hierarchy) ?? mountpoint)}/cgroup.procs`,
  ];
  for (const file of files) new Fd(openat(AT_FDCWD, file, O_WRONLY))[Symbol.dispose]();
}

function commonFolder(a: string, b: string): string {
  const [one, other] = [a, b].map((path) => path.split("/"));
  const end = one.findIndex((name, i) => name !== other[i]);
  return one.slice(0, end < 0 ? one.length : end).join("/");
}

function isDenied(error: unknown): boolean {
  return error instanceof SysError && ["EACCES", "EPERM", "EROFS"].includes(error.code);
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
      return {
        hint:
          "The cgroup file system is mounted read-only: mount -o remount,rw it; a container that this is to run in takes --privileged",
      };
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
