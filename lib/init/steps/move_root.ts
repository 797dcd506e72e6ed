import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, openat, readFile, readlinkat } from "../../../ffi/file.ts";
import { MNT_DETACH, move_mount, umount2, UMOUNT_NOFOLLOW } from "../../../ffi/mount.ts";
import { chdir, chroot, fchdir } from "../../../ffi/process.ts";
import type { InitContext } from "../context.ts";

/**
 * The container's root goes on top of the host's, which is an initramfs that pivot_root(2) cannot put aside
 * (`--no-pivot`). All other mounts of the host are let go: nothing is left beneath but that file system.
 */
export function moveRoot(context: InitContext): void {
  const place = readlinkat(AT_FDCWD, `/proc/self/fd/${context.root}`);
  const others = mountPoints().filter((path) =>
    path !== "/" && path !== place && !path.startsWith(`${place}/`)
  );
  const top = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  move_mount(context.root, top, '"/"');
  close(top);
  // This process's own "/" is still the one beneath.
  others.reverse().forEach(detach);
  fchdir(context.root);
  chroot(".");
  chdir("/");
}

function detach(path: string): void {
  try {
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
  } catch (error) {
    // It went with a mount that it was in, or is hidden by one.
    const gone = error instanceof SysError && (error.code === "EINVAL" || error.code === "ENOENT");
    if (!gone) throw error;
  }
}

/** The mount points of /proc/self/mountinfo, in its order. */
function mountPoints(): string[] {
  return readFile("/proc/self/mountinfo").trimEnd().split("\n").map((line) =>
    line.split(" ")[4].replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)))
  );
}
