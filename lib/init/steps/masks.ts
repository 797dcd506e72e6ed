import { AT_FDCWD, O_PATH } from "../../../ffi/constants.ts";
import { close, openat, statx } from "../../../ffi/file.ts";
import { mount_setattr, move_mount, open_tree_clone } from "../../../ffi/mount.ts";
import { MOUNT_ATTR_RDONLY, MS_PRIVATE } from "../../../ffi/mount_flags.ts";
import { type InitContext, InitError } from "../context.ts";
import { isDirectory, openExisting } from "../inside.ts";
import type { StepOf } from "../plan.ts";
import { makeFileSystem } from "./mounts.ts";

/**
 * Makes paths of /proc and the like read-only, each with all that is mounted below it; missing ones are left out. Of
 * the root itself it is the root alone, as for `root.readonly`.
 */
export function makeReadOnly(context: InitContext, step: StepOf<"read-only paths">): void {
  for (const path of step.paths) {
    const target = openExisting(context.root, path);
    if (target === undefined) continue;
    if (isRoot(context, target)) mount_setattr(target, { set: MOUNT_ATTR_RDONLY });
    else {
      const fd = open_tree_clone(target, "", true);
      mount_setattr(fd, { set: MOUNT_ATTR_RDONLY }, true);
      move_mount(fd, target, JSON.stringify(path));
      close(fd);
    }
    close(target);
  }
}

/** What is mounted there would lie above the root, where no path leads. */
function isRoot({ root }: InitContext, target: number): boolean {
  const [own, found] = [statx(root), statx(target)];
  return own.mountId === found.mountId && own.ino === found.ino;
}

/**
 * Hides paths: an empty read-only tmpfs over a folder, /dev/null over a file. The null device is the
 * host's, opened before the container's root is entered and looked at, so that no image can put
 * something else in its place (CVE-2025-31133).
 */
export function maskPaths(context: InitContext, step: StepOf<"masked paths">): void {
  const device = openat(AT_FDCWD, "/dev/null", O_PATH);
  const { rdev } = statx(device);
  if (rdev.major !== 1 || rdev.minor !== 3) throw new InitError("/dev/null is not the null device");
  let empty = -1;
  for (const path of step.paths) {
    const target = openExisting(context.root, path);
    if (target === undefined) continue;
    let fd: number;
    if (isDirectory(target)) {
      // Only a mount that has its place can be cloned: the first one serves the others.
      fd = empty < 0
        ? makeFileSystem("tmpfs", [["source", "tmpfs"], ["ro"], ["mode", "755"]], MOUNT_ATTR_RDONLY)
        : open_tree_clone(empty, "", false);
    } else {
      fd = open_tree_clone(device, "", false);
      mount_setattr(fd, { set: MOUNT_ATTR_RDONLY, propagation: MS_PRIVATE });
    }
    move_mount(fd, target, JSON.stringify(path));
    if (empty < 0 && isDirectory(target)) empty = fd;
    else close(fd);
    close(target);
  }
  if (empty >= 0) close(empty);
  close(device);
}
