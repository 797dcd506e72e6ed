import { syscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";

/** struct statfs, statfs(2): the fields that are used. */
export const statfs_struct = struct("statfs", 120, {
  f_type: [0, "i64"],
  f_bsize: [8, "i64"],
  f_blocks: [16, "u64"],
  f_bavail: [32, "u64"],
  f_files: [40, "u64"],
  f_ffree: [48, "u64"],
  f_flags: [80, "i64"],
});

/** What fstatfs(2) tells of a file system. */
export interface FileSystemStatus {
  /** The magic number, linux/magic.h. */
  readonly type: number;
  /** Bytes that are free for everybody. */
  readonly freeBytes: number;
  /** Files that can still be made; Infinity where the file system makes inodes as they are needed. */
  readonly freeFiles: number;
}

/** fstatfs(2) of the file system that holds an open file. */
export function fstatfs(fd: number): FileSystemStatus {
  const bytes = statusOf(fd);
  const counted = statfs_struct.get(bytes, "f_files") > 0n;
  return {
    type: typeIn(bytes),
    freeBytes: Number(
      statfs_struct.get(bytes, "f_bavail") * statfs_struct.get(bytes, "f_bsize"),
    ),
    freeFiles: counted ? Number(statfs_struct.get(bytes, "f_ffree")) : Infinity,
  };
}

/** The magic number alone, {@link FileSystemStatus.type}. */
export function fstatfsType(fd: number): number {
  return typeIn(statusOf(fd));
}

/** Whether the mount of an open file has the option noexec: ST_NOEXEC in f_flags, statvfs(3). */
export function isOnNoexecMount(fd: number): boolean {
  const ST_NOEXEC = 8n;
  return (statfs_struct.get(statusOf(fd), "f_flags") & ST_NOEXEC) !== 0n;
}

function statusOf(fd: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(statfs_struct.size);
  syscall("fstatfs", `${fd}`, fd, bytes);
  return bytes;
}

function typeIn(bytes: Uint8Array<ArrayBuffer>): number {
  return Number(BigInt.asUintN(32, statfs_struct.get(bytes, "f_type")));
}
