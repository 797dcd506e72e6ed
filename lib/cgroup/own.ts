import { readFile } from "../../ffi/file.ts";
import type { Hierarchy } from "./detect.ts";

/**
 * The folder of the cgroup that this process is in, absolute; undefined when that is not in view
 * (cgroup_namespaces(7)).
 *
 * @param cgroups the text of proc(5)'s /proc/self/cgroup.
 */
export function ownFolder(
  { mountpoint, version, controllers, name }: Hierarchy,
  cgroups: string = readFile("/proc/self/cgroup"),
): string | undefined {
  const wanted = version === 2
    ? ""
    : [...controllers, ...(name === undefined ? [] : [`name=${name}`])].toSorted().join();
  for (const line of cgroups.split("\n")) {
    const [, id, list, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === undefined || list.split(",").toSorted().join() !== wanted) continue;
    if (path.split("/").includes("..")) return undefined;
    return `${mountpoint}${path === "/" ? "" : path}`;
  }
  return undefined;
}
