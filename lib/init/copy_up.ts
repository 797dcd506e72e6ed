import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/constants.ts";
import { fromCString } from "../../ffi/cstring.ts";
import { getdents64 } from "../../ffi/directory.ts";
import {
  close,
  fchmod,
  fchownat,
  type FileStatus,
  mkdirat,
  mknodat,
  openat,
  read,
  readlinkat,
  statx,
  symlinkat,
  utimensat,
  writeAll,
} from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";

/**
 * Copies what is in a folder, with all below it, into an empty one: content, owners, modes and times. A
 * symbolic link is copied as such, and nothing is looked up by more than one name at a time.
 *
 * @param source the folder, open; O_PATH will do.
 * @param target the empty folder, likewise.
 * @param withAttributes whether the folder itself gets the source's owner, mode and time.
 */
export function copyFolder(source: number, target: number, withAttributes: boolean): void {
  const list = openat(source, ".", O_RDONLY | O_DIRECTORY);
  const into = openat(target, ".", O_RDONLY | O_DIRECTORY);
  for (let entries = getdents64(list); entries.length > 0; entries = getdents64(list)) {
    for (const { name } of entries) copyEntry(list, into, fromCString(name));
  }
  if (withAttributes) takeAttributes(into, statx(source));
  close(into);
  close(list);
}

function copyEntry(source: number, target: number, name: string): void {
  const status = statx(source, name, AT_SYMLINK_NOFOLLOW);
  switch (status.mode & S_IFMT) {
    case S_IFDIR: {
      mkdirat(target, name, 0o700);
      const from = openat(source, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      const to = openat(target, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      copyFolder(from, to, true);
      close(to);
      close(from);
      return;
    }
    case S_IFREG:
      return copyFile(source, target, name, status);
    case S_IFLNK:
      symlinkat(readlinkat(source, name), target, name);
      return fchownat(target, name, status.uid, status.gid, AT_SYMLINK_NOFOLLOW);
    default:
      mknodat(target, name, status.mode, status.rdev.major, status.rdev.minor);
      fchownat(target, name, status.uid, status.gid, AT_SYMLINK_NOFOLLOW);
  }
}

function copyFile(source: number, target: number, name: string, status: FileStatus): void {
  const from = openat(source, name, O_RDONLY | O_NOFOLLOW);
  const to = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  const buffer = alloc(65536);
  for (let bytes = read(from, buffer); bytes.length > 0; bytes = read(from, buffer)) {
    writeAll(to, bytes);
  }
  takeAttributes(to, status);
  close(to);
  close(from);
}

/** The owner first: changing it takes the set-user-ID bits away. */
function takeAttributes(fd: number, { uid, gid, mode, mtime }: FileStatus): void {
  const AT_EMPTY_PATH = 0x1000;
  fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
  fchmod(fd, mode & 0o7777);
  utimensat(fd, null, Number(mtime / 1_000_000_000n), Number(mtime % 1_000_000_000n));
}
