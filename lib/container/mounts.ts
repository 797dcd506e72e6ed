import { DEFAULT_MOUNTS } from "../oci/defaults.ts";
import type { Mount } from "../oci/spec.ts";
import type { ConfigParts } from "./config.ts";
import type { RunOptions } from "./options.ts";

/** The mounts of a container: its root, the file systems of the kernel, its own files and the volumes. */
export function containerMounts(options: RunOptions, parts: ConfigParts): Mount[] {
  const mapped = parts.mappings === undefined ? [] : ["idmap"];
  // What goes away with the container needs not be on the disk first: at its end the kernel would write
  // out all of the disk's file system otherwise, and wait for it (overlayfs.rst, "Volatile mount").
  const passing = options.remove ? ["volatile"] : [];
  const readonly = options.readonlyRoot ? ["ro"] : [];
  return [
    overlay(parts, [...passing, ...mapped]),
    ...DEFAULT_MOUNTS.map((mount) => adapted(mount, options, parts)),
    ...outsideIn([
      ...parts.files.map(([source, destination]) =>
        bind(source, destination, [...readonly, ...mapped])
      ),
      ...parts.volumes.map(([source, destination]) => bind(source, destination, mapped)),
      ...options.volumes.map(volume),
    ]),
  ];
}

/** A folder comes before what lies in it, which it would hide otherwise; of two in one place the last one counts. */
function outsideIn(mounts: readonly Mount[]): Mount[] {
  const depth = ({ destination }: Mount) =>
    destination.split("/").filter((name) => name !== "").length;
  return mounts.toSorted((a, b) => depth(a) - depth(b));
}

function volume({ source, destination, readonly, idmap }: RunOptions["volumes"][number]): Mount {
  return bind(source, destination, [
    // Read-only means all that is mounted below too (mount_setattr, AT_RECURSIVE).
    ...(readonly ? ["ro", "rro"] : []),
    ...(idmap ? ["ridmap"] : []),
  ]);
}

/**
 * The root as a mount at "/": the image below, the container's changes above. The kernel takes a
 * backslash for an escape, and in `lowerdir` reads `:` as a border between layers; a comma is one between options.
 */
function overlay(parts: ConfigParts, more: readonly string[]): Mount {
  const escape = (path: string) => path.replaceAll("\\", "\\\\").replaceAll(",", "\\,");
  const lowerdir = parts.lowerdirs.map((path) => escape(path).replaceAll(":", "\\:")).join(":");
  const folder = escape(parts.folder);
  return {
    destination: "/",
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${lowerdir}`,
      `upperdir=${folder}/upper`,
      `workdir=${folder}/work`,
      ...more,
    ],
  };
}

/** A bind mount with what is mounted below. */
function bind(source: string, destination: string, more: readonly string[]): Mount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", ...more] };
}

function adapted(mount: Mount, { network, privileged }: RunOptions, parts: ConfigParts): Mount {
  const ownNetwork = network.mode === "bridge" || network.mode === "none";
  if (mount.type === "sysfs" && parts.mappings !== undefined && !ownNetwork) {
    // Sysfs goes with the network namespace, and that one is not this user namespace's: the host's is shown.
    const options = ["rbind", "rslave", "nosuid", "noexec", "nodev", "ro"];
    return { destination: mount.destination, type: "none", source: "/sys", options };
  }
  const writable = privileged && (mount.type === "sysfs" || mount.type === "cgroup");
  if (!writable) return mount;
  return { ...mount, options: mount.options!.filter((option) => option !== "ro") };
}
