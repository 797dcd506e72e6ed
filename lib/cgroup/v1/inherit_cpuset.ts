import { readFile } from "../../../ffi/file.ts";
import { writeFile } from "../cgroupfs.ts";

/**
 * Gives a cgroup of the v1 cpuset controller the CPUs and memory nodes of its parent: a new one has
 * none, and nothing can join it then. The parent gets its own from above first.
 */
export function inheritCpuset(folder: string, mountpoint: string): void {
  if (folder === mountpoint || readFile(`${folder}/cpuset.cpus`).trim() !== "") return;
  const parent = folder.slice(0, folder.lastIndexOf("/"));
  inheritCpuset(parent, mountpoint);
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    writeFile(`${folder}/${file}`, readFile(`${parent}/${file}`).trim());
  }
}

/** Lets the kernel copy CPUs and memory nodes to every cgroup made below this one. */
export function inheritBelow(folder: string): void {
  writeFile(`${folder}/cgroup.clone_children`, "1");
}
