/**
 * An overlay whose files show through a mapping of ids: overlayfs takes no mapping itself, but its layers
 * may (mount_setattr(2), MOUNT_ATTR_IDMAP; since Linux 5.19). It looks for layers by path in the mount
 * namespace of whoever mounts it, so this is done by a process with a namespace of its own, in which mapped
 * clones of the layers get places; the finished overlay, detached, goes to the parent, and the places go
 * with the process.
 */
import { capget, capset } from "../../ffi/capability.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { mkdirat, openat } from "../../ffi/file.ts";
import { mount, mount_setattr, move_mount, open_tree_clone } from "../../ffi/mount.ts";
import { MOUNT_ATTR_IDMAP, MS_REC, MS_SLAVE } from "../../ffi/mount_flags.ts";
import { _exit, fchdir, setfsgid, setfsuid } from "../../ffi/process.ts";
import { tell } from "./channel.ts";
import type { MountStep } from "./plan.ts";
import { tellFailure } from "./runner.ts";
import { makeFileSystem } from "./steps/mounts.ts";

/** The mapping of an overlay's files. */
export interface OverlayMapping {
  /** A user namespace that has it. */
  readonly userns: number;
  /** The ids of the host that root has in it. */
  readonly root: { readonly uid: number; readonly gid: number };
}

/** The way of the forked process: it makes the overlay, hands it over by `channel` and ends. */
export function runOverlayMaker(step: MountStep, mapping: OverlayMapping, channel: number): never {
  try {
    tell(channel, { type: "mounted" }, [mountMapped(step, mapping)]);
  } catch (error) {
    tellFailure(channel, step, error);
  }
  _exit(0);
}

function mountMapped(step: MountStep, { userns, root }: OverlayMapping): number {
  mount(null, "/", null, MS_SLAVE | MS_REC);
  const places = makeFileSystem("tmpfs", [["source", "tmpfs"], ["mode", "700"]], 0);
  move_mount(places, openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY), '"/"');
  // Nothing else leads there than this working folder, from which overlayfs looks for its layers.
  fchdir(places);
  let count = 0;
  /** A mapped clone of a folder, by its name in the working folder. */
  const mapped = (folder: string): string => {
    const name = `${count++}`;
    const clone = open_tree_clone(AT_FDCWD, folder, false);
    mount_setattr(clone, { set: MOUNT_ATTR_IDMAP, userns });
    mkdirat(places, name, 0o700);
    move_mount(clone, openat(places, name, O_PATH | O_DIRECTORY), JSON.stringify(folder));
    return name;
  };
  const options = mappedLayers(step.options, mapped);
  becomeToFiles(root);
  if (step.legacy === undefined) return makeFileSystem(step.fstype, options, step.set);
  mkdirat(places, "overlay", 0o700);
  const data = options.map(([key, value]) => value === undefined ? key : `${key}=${value}`).join();
  mount(step.source, "overlay", step.fstype, step.legacy.flags, data);
  return open_tree_clone(AT_FDCWD, "overlay", false);
}

/**
 * Overlayfs works on its layers as whoever mounts it, and the host's root is nobody in them: what he would
 * make there has no owner (EOVERFLOW). With the ids of their root, and all rights still, it can.
 */
function becomeToFiles({ uid, gid }: OverlayMapping["root"]): void {
  setfsgid(gid);
  setfsuid(uid);
  const { permitted, inheritable } = capget();
  capset({ permitted, inheritable, effective: permitted });
}

/**
 * The options of an overlay with the layers in other places. Those for changes have to be on one mount, so
 * that what is mapped is the folder above both of them.
 *
 * @param mapped the name by which a folder is had through the mapping.
 */
export function mappedLayers(
  options: MountStep["options"],
  mapped: (folder: string) => string,
): [string, string?][] {
  const value = (name: string) => options.find(([key]) => key === name)?.[1];
  const [upper, work] = [value("upperdir"), value("workdir")].map((text) => text && unescape(text));
  const above = upper && work ? commonFolder(upper, work) : undefined;
  const changes = above === undefined ? "" : mapped(above || "/");
  const below = (path: string) => escape(`${changes}${path.slice(above!.length)}`);
  return options.map(([key, value]) => {
    if (value === undefined) return [key];
    switch (key) {
      case "lowerdir":
        return [key, value.replace(/(?:[^\\:]|\\.)+/gs, (layer) => mapped(unescape(layer)))];
      case "lowerdir+":
      case "datadir+":
        return [key, mapped(value)];
      case "upperdir":
        return [key, upper && work ? below(upper) : mapped(upper!)];
      case "workdir":
        return [key, upper && work ? below(work) : value];
      default:
        return [key, value];
    }
  });
}

/** What two absolute paths begin with alike, in whole names: without a slash at the end, so "" is the root. */
function commonFolder(a: string, b: string): string {
  const [one, other] = [a, b].map((path) => path.split("/"));
  const end = one.findIndex((name, i) => name !== other[i]);
  return one.slice(0, end < 0 ? one.length : end).join("/");
}

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, "$1");
}

function escape(text: string): string {
  return text.replace(/\\/g, "\\\\");
}
