import { ContainerError } from "../errors.ts";

/** The cgroup below which gocontainer's own containers stand, in each hierarchy. */
export const PARENT = "/go_containers";

/**
 * The place of a container's cgroup below each hierarchy's mount point, from the `cgroupsPath` of
 * config-linux.md: an absolute one stands as it is, a relative one below {@link PARENT}.
 *
 * @returns an absolute path without empty and `.` components.
 * @throws {ContainerError} InvalidSpec for a path that leads nowhere or upwards.
 */
export function resolveCgroupsPath(cgroupsPath: string): string {
  const components = cgroupsPath.split("/").filter((part) => part !== "" && part !== ".");
  const bad = (why: string) =>
    new ContainerError(`use ${JSON.stringify(cgroupsPath)} as the cgroup's path: it ${why}`, {
      code: "InvalidSpec",
      hint: `Give a path such as "${PARENT}/NAME"`,
    });
  if (components.length === 0) throw bad("names no cgroup");
  if (components.includes("..")) throw bad('contains ".."');
  if (cgroupsPath.includes("\0")) throw bad("contains a NUL");
  // The kernel refuses it, because /proc/<pid>/cgroup could not tell such a path.
  if (cgroupsPath.includes("\n")) throw bad("contains a newline");
  const path = "/" + components.join("/");
  return cgroupsPath.startsWith("/") ? path : PARENT + path;
}

/** The folders between a mount point and a cgroup below it, outermost first, without both. */
export function ancestors(mountpoint: string, folder: string): string[] {
  const components = folder.slice(mountpoint.length).split("/").filter(Boolean).slice(0, -1);
  return components.map((_, i) => `${mountpoint}/${components.slice(0, i + 1).join("/")}`);
}
