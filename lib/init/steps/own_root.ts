import { AT_FDCWD, CLONE_NEWNS, O_DIRECTORY, O_PATH, O_RDONLY } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, openat, statx } from "../../../ffi/file.ts";
import {
  MNT_DETACH,
  mount,
  move_mount,
  open_tree_clone,
  pivot_root,
  umount2,
} from "../../../ffi/mount.ts";
import { MS_REC, MS_SLAVE } from "../../../ffi/mount_flags.ts";
import { setns } from "../../../ffi/namespace.ts";
import { fchdir } from "../../../ffi/process.ts";

/**
 * Makes this process's root that of its new mount namespace too, where chroot(2) has made it another one. Else the
 * host's own would stay the namespace's: whoever joins that finds himself there, be it by setns(2) from inside.
 * Where that was so already, this process stays in its folder, which root in a user namespace may be unable to enter.
 */
export function takeOwnRoot(): void {
  const root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  const folder = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY);
  const namespace = openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY);
  // Leads to the namespace's root, also who is in it already.
  setns(namespace, CLONE_NEWNS);
  close(namespace);
  const [own, found] = [statx(root), statx(AT_FDCWD, "/", 0)];
  if (own.mountId !== found.mountId || own.ino !== found.ino) putInPlace(root);
  else goBack(folder);
  close(folder);
  close(root);
}

/** It matters to hooks alone. */
function goBack(folder: number): void {
  try {
    fchdir(folder);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EACCES")) throw error;
  }
}

function putInPlace(root: number): void {
  const old = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  // What is mounted now is not to be seen on the host.
  mount(null, "/", null, MS_SLAVE | MS_REC);
  // pivot_root(2) demands a mount.
  const tree = open_tree_clone(root, "", true);
  move_mount(tree, root, '"/"');
  fchdir(tree);
  pivot_root(".", ".");
  fchdir(old);
  umount2(".", MNT_DETACH);
  fchdir(tree);
  close(tree);
  close(old);
}
