import { MNT_DETACH, mount, mount_setattr, pivot_root, umount2 } from "../../../ffi/mount.ts";
import { MOUNT_ATTR_RDONLY, MS_REC, MS_SLAVE } from "../../../ffi/mount_flags.ts";
import { SysError } from "../../../ffi/errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { close, openat } from "../../../ffi/file.ts";
import { chdir, chroot, fchdir, getcwd } from "../../../ffi/process.ts";
import { type InitContext, InitError } from "../context.ts";
import { openDirectory } from "../inside.ts";
import type { StepOf } from "../plan.ts";
import { writeProc } from "../procfs.ts";

/**
 * The container's root takes the place of the host's, which is let go at once: both lie on "/" for a
 * moment, the old one on top, so no folder for it is needed (pivot_root(2), NOTES).
 */
export function pivotRoot(context: InitContext): void {
  const old = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  fchdir(context.root);
  pivot_root(".", ".");
  // "." is the new one by now.
  fchdir(old);
  close(old);
  // What is unmounted below the old root must not be unmounted on the host too.
  mount(null, ".", null, MS_SLAVE | MS_REC);
  umount2(".", MNT_DETACH);
  chdir("/");
}

/**
 * The container's root becomes the root of this process alone: in a mount namespace that others are in as
 * well, nobody else's may change.
 */
export function changeRoot(context: InitContext, step: StepOf<"change root">): void {
  if (step.fd !== undefined) context.root = step.fd;
  fchdir(context.root);
  chroot(".");
}

/** The propagation that the config wants for the container's root. */
export function setRootPropagation(step: StepOf<"root propagation">): void {
  mount(null, "/", null, step.flag);
}

/** The root alone: what is mounted below has what its own mount asks for. */
export function makeRootReadOnly(context: InitContext): void {
  mount_setattr(context.root, { set: MOUNT_ATTR_RDONLY });
}

/** Values for /proc/sys, in the namespaces that this process is in by now. */
export function writeSysctls(step: StepOf<"sysctl">): void {
  for (const [file, value] of step.values) writeProc(`sys/${file}`, value);
}

/** Makes the working folder where it is missing; while still root, as docker and runc do. */
export function makeWorkingFolder(context: InitContext, step: StepOf<"make working folder">): void {
  close(openDirectory(context.root, step.path));
}

/** Goes to the working folder, still as root: an image may name one that its user cannot enter. */
export function enterWorkingFolder(
  context: InitContext,
  { path }: StepOf<"enter working folder">,
): void {
  try {
    enter(path);
  } catch (error) {
    if (!(error instanceof SysError && (error.code === "EACCES" || error.code === "EPERM"))) {
      throw error;
    }
    context.isFolderDenied = true;
  }
}

/** Goes there as the user: where root may not, as on a network file system or in a user namespace. */
export function enterWorkingFolderAsUser({ path }: StepOf<"enter working folder as user">): void {
  enter(path);
}

/** A path that leads out of the root, through a descriptor left open, shows as "(unreachable)" (CVE-2024-21626). */
function enter(path: string): void {
  try {
    chdir(path);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOTDIR") {
      throw new InitError("it is a file");
    }
    throw error;
  }
  if (!getcwd().startsWith("/")) {
    throw new InitError("it lies outside the container");
  }
}
