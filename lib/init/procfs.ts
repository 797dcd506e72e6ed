import {
  AT_FDCWD,
  O_DIRECTORY,
  O_PATH,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { close, openat, openat2, statx, writeAll } from "../../ffi/file.ts";
import { fsconfig_create, fsmount, fsopen } from "../../ffi/mount.ts";
import { fstatfsType } from "../../ffi/statfs.ts";
import { InitError } from "./context.ts";

/** The magic number of procfs, linux/magic.h. */
export const PROC_SUPER_MAGIC = 0x9fa0;

/** Stays within one procfs: of its links only the kernel's own are followed, such as `self`. */
export const WITHIN_PROC = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

/**
 * Writes a file of procfs in one write(2). The proc file system is one of this process's own, mounted
 * nowhere: nothing that is laid over a path of /proc can turn the write elsewhere (CVE-2025-52881).
 *
 * @param path below the root of procfs, such as `sys/net/ipv4/ip_forward`.
 * @param proc the root of procfs, where it had to be opened before; it is closed.
 */
export function writeProc(path: string, value: string, proc = openProc()): void {
  try {
    const fd = openat2(proc, path, O_WRONLY, WITHIN_PROC);
    if (fstatfsType(fd) !== PROC_SUPER_MAGIC) {
      throw new InitError(`"${path}": not a file of procfs`);
    }
    const bytes = cstring(value);
    try {
      writeAll(fd, bytes.subarray(0, bytes.length - 1));
    } catch (error) {
      if (error instanceof SysError) throw new SysError("write", error.errno, `"/proc/${path}"`);
      throw error;
    } finally {
      close(fd);
    }
  } finally {
    close(proc);
  }
}

/**
 * A proc file system that nobody else has. In a user namespace the kernel may grant none, where the one
 * at hand has parts covered; that one has to do then, once it has turned out to be real.
 */
export function openProc(): number {
  try {
    const context = fsopen("proc");
    fsconfig_create(context);
    const fd = fsmount(context, 0);
    close(context);
    return fd;
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EPERM")) throw error;
  }
  const ROOT_INODE = 1n;
  const fd = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
  if (fstatfsType(fd) !== PROC_SUPER_MAGIC || statx(fd).ino !== ROOT_INODE) {
    throw new InitError("/proc is not a proc file system");
  }
  return fd;
}
