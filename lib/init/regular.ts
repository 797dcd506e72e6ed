import { O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { close, type FileStatus, openat, statx } from "../../ffi/file.ts";
import { fstatfsType } from "../../ffi/statfs.ts";
import { PROC_SUPER_MAGIC } from "./procfs.ts";

/**
 * File systems whose regular files are the kernel's word, made when they are read: to read one may be to use it up,
 * as it is with /proc/kmsg. By their magic numbers (linux/magic.h).
 */
const OF_THE_KERNEL: ReadonlySet<number> = new Set([
  PROC_SUPER_MAGIC,
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x6165676c, // pstore
  0xde5e81e4, // efivarfs
  0x62656570, // configfs
  0x0027e0eb, // cgroup
  0x63677270, // cgroup2
  0xcafe4a11, // bpf
  0x19800202, // mqueue
]);

/**
 * Opens a file of the container for reading if it is a regular one, and nothing else: to open a device may be to
 * set it going already, and the files of a procfs are not the container's.
 *
 * A process that is in the container's cgroup may open no other devices than the container. One that is not must
 * not be led to one by a change at the last moment: it opens the very file that it has looked at, by `own`.
 *
 * @param place the file, open with O_PATH.
 * @param again opens it by its name.
 * @param own the host's /proc/self/fd of this process, open.
 * @param before what statx(2) tells of it.
 * @returns undefined for another kind of file.
 */
export function openRegular(
  place: number,
  again: (flags: number) => number,
  own: number | undefined,
  before: FileStatus = statx(place),
): number | undefined {
  const flags = O_RDONLY | O_NONBLOCK;
  if ((before.mode & S_IFMT) !== S_IFREG || OF_THE_KERNEL.has(fstatfsType(place))) return undefined;
  if (own !== undefined) return openat(own, `${place}`, flags);
  const fd = again(flags);
  const after = statx(fd);
  if (after.ino === before.ino && (after.mode & S_IFMT) === S_IFREG) return fd;
  close(fd);
  return undefined;
}
