import { type CgroupLayout, detectCgroups } from "../cgroup/detect.ts";
import { ownFolder } from "../cgroup/own.ts";
import type { Step } from "../init/plan.ts";
import { parseMountOptions } from "../oci/mount_options.ts";
import type { Mount } from "../oci/spec.ts";
import { MS_RDONLY } from "../../ffi/mount_flags.ts";
import { resolve } from "@std/path/posix/resolve";
import { basename } from "@std/path/posix/basename";

/**
 * The mount of type `cgroup` of a config, for the hierarchies that this host has.
 *
 * @param own the container's own folders by their hierarchies' mount points, as detached mounts, where it
 * has no cgroup namespace; none where it has.
 * @param sources the same as folders that the child clones itself.
 */
export function cgroupMounts(
  mount: Mount,
  layout: CgroupLayout,
  own: ReadonlyMap<string, number> = new Map(),
  sources: ReadonlyMap<string, string> = new Map(),
): Step {
  const { flags, propagation } = parseMountOptions(mount.options);
  const links: [string, string][] = [];
  const single = layout.kind === "v2";
  const hierarchies = layout.hierarchies.map(({ version, mountpoint, controllers, name }) => {
    const folder = single ? "" : basename(mountpoint);
    const tree = own.get(mountpoint);
    if (tree !== undefined) return { name: folder, tree };
    const source = sources.get(mountpoint);
    if (source !== undefined) return { name: folder, source };
    if (version === 2) return { name: folder };
    const options = name === undefined ? controllers : ["none", `name=${name}`, ...controllers];
    return { name: folder, options };
  });
  for (const { version, mountpoint, controllers } of layout.hierarchies) {
    if (version === 2 || controllers.length < 2) continue;
    // `cpu,cpuacct` is one hierarchy that programs look for under each of its names.
    const folder = basename(mountpoint);
    for (const controller of controllers) {
      if (controller !== folder) links.push([controller, folder]);
    }
  }
  return {
    do: "cgroup mounts",
    label: `mount the container's cgroups on "${mount.destination}"`,
    target: resolve("/", mount.destination),
    hierarchies,
    links,
    readonly: (flags & MS_RDONLY) !== 0,
    propagation,
  };
}

/** A cgroup's folders, by the mount points of the hierarchies that they lie in. Who has none stays where he is. */
export function cgroupFoldersByMount(
  folders: readonly string[],
  limited: boolean,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const hierarchy of detectCgroups().hierarchies) {
    const { mountpoint } = hierarchy;
    const folder = folders.find((folder) => folder.startsWith(`${mountpoint}/`)) ??
      (limited ? ownFolder(hierarchy) ?? mountpoint : undefined);
    if (folder !== undefined) found.set(mountpoint, folder);
  }
  return found;
}
