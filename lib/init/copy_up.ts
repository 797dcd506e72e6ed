import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/constants.ts";
import { fromCString, type Name } from "../../ffi/cstring.ts";
import { getdents64 } from "../../ffi/directory.ts";
import {
  close,
  fchmod,
  fchmodat,
  fchownat,
  type FileStatus,
  ftruncate,
  lseek,
  mkdirat,
  mknodat,
  openat,
  pwriteAll,
  read,
  readlinkatBytes,
  SEEK_SET,
  statx,
  symlinkat,
  utimensat,
} from "../../ffi/file.ts";
import { SysError } from "../../ffi/errno.ts";
import { SCRATCH } from "../../ffi/scratch.ts";
import { alloc } from "../../ffi/struct.ts";
import { fgetxattr, flistxattr, fsetxattr } from "../../ffi/xattr.ts";
import { dataIn, mayHaveHoles } from "./holes.ts";
import { isMissing } from "./inside.ts";

/**
 * Copies what is in a folder, with all below it, into an empty one: content, owners, modes, times and
 * extended attributes. A symbolic link is copied as such.
 *
 * Others may be at work in the source. So each name is looked up once, for O_PATH, and what is copied is what was
 * opened then: by its name a file may be another one the next time, and to open a device may be to set it going.
 *
 * @param source the folder, open; O_PATH will do.
 * @param target the empty folder, likewise, which nobody else has yet.
 * @param withAttributes whether the folder itself gets the source's owner, mode and time.
 */
export function copyFolder(source: number, target: number, withAttributes: boolean): void {
  const own = openat(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY);
  copyInto(source, target, withAttributes, own);
  close(own);
}

/** @param own this process's folder in /proc. */
function copyInto(source: number, target: number, withAttributes: boolean, own: number): void {
  const list = openat(source, ".", O_RDONLY | O_DIRECTORY);
  const into = openat(target, ".", O_RDONLY | O_DIRECTORY);
  for (let entries = getdents64(list); entries.length > 0; entries = getdents64(list)) {
    for (const { name } of entries) {
      const place = tryPlace(list, name);
      // Who is at work there may have removed it since it was listed.
      if (place === undefined) continue;
      copyEntry(place, into, name, own);
      close(place);
    }
  }
  if (withAttributes) takeAttributes(list, into, statx(list));
  close(into);
  close(list);
}

function tryPlace(folder: number, name: Name): number | undefined {
  try {
    return openat(folder, name, O_PATH | O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function copyEntry(place: number, target: number, name: Name, own: number): void {
  const status = statx(place);
  switch (status.mode & S_IFMT) {
    case S_IFDIR: {
      mkdirat(target, name, 0o700);
      const to = openat(target, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      copyInto(place, to, true, own);
      close(to);
      return;
    }
    case S_IFREG:
      return copyFile(openat(own, `fd/${place}`, O_RDONLY | O_NONBLOCK), target, name);
    case S_IFLNK:
      symlinkat(terminated(readlinkatBytes(place, "")), target, name);
      break;
    default:
      mknodat(target, name, status.mode, status.rdev.major, status.rdev.minor);
  }
  fchownat(target, name, status.uid, status.gid, AT_SYMLINK_NOFOLLOW);
  // A mask took from the mode what a link has not.
  if ((status.mode & S_IFMT) !== S_IFLNK) fchmodat(target, name, status.mode & 0o7777);
  setTime(target, name, status, AT_SYMLINK_NOFOLLOW);
}

/** A name as the kernel takes it: its bytes, whatever they are, and a closing NUL. */
function terminated(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = alloc(bytes.length + 1);
  text.set(bytes);
  return text;
}

/** A hole becomes one: it takes nothing in the copy either. What is added to the file meanwhile is left out. */
function copyFile(from: number, target: number, name: Name): void {
  const status = statx(from);
  const { size } = status;
  const to = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  const regions = mayHaveHoles(status) ? dataIn(from, size) : [{ offset: 0, length: size }];
  for (const { offset, length } of regions) copyRegion(from, to, offset, length);
  if (mayHaveHoles(status)) ftruncate(to, size);
  takeAttributes(from, to, status);
  close(to);
  close(from);
}

function copyRegion(from: number, to: number, offset: number, length: number): void {
  lseek(from, offset, SEEK_SET);
  const end = offset + length;
  for (let at = offset; at < end;) {
    const bytes = read(from, SCRATCH.subarray(0, Math.min(SCRATCH.length, end - at)));
    if (bytes.length === 0) return;
    pwriteAll(to, bytes, at);
    at += bytes.length;
  }
}

/** File capabilities, access control lists and users' own; where they cannot be, the copy goes without. */
function takeXattrs(from: number, to: number): void {
  for (const name of flistxattr(from)) {
    const text = fromCString(name);
    if (!/^(?:user\.|security\.capability$|system\.posix_acl_)/.test(text)) continue;
    const value = fgetxattr(from, text);
    try {
      if (value !== undefined) fsetxattr(to, text, value);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }
}

/** The owner first: changing it takes the set-user-ID bits away, and file capabilities. */
function takeAttributes(from: number, fd: number, { uid, gid, mode, mtime }: FileStatus): void {
  fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
  takeXattrs(from, fd);
  fchmod(fd, mode & 0o7777);
  setTime(fd, null, { mtime });
}

function setTime(
  fd: number,
  name: Name | null,
  { mtime }: Pick<FileStatus, "mtime">,
  flags = 0,
): void {
  const seconds = Number(mtime / 1_000_000_000n);
  utimensat(fd, name, seconds, Number(mtime % 1_000_000_000n), flags);
}
