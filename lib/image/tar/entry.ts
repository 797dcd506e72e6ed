import type { ByteString } from "./bytes.ts";

/** What a member of an archive is. */
export type EntryType =
  | "file"
  | "hard link"
  | "symbolic link"
  | "character device"
  | "block device"
  | "folder"
  | "fifo";

/** A point in time. */
export interface Timestamp {
  /** Since 1970; may be negative. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** A point in time given in nanoseconds since 1970, as the kernel's status has it. */
export function timestampOf(time: bigint): Timestamp {
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND;
  return {
    seconds: Number((time - nanoseconds) / SECOND),
    nanoseconds: Number(nanoseconds),
  };
}

const SECOND = 1_000_000_000n;

/** A part of a sparse file that holds data; what lies between such parts is zeros. */
export interface DataRegion {
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

/** A member of an archive, with all that its headers tell. */
export interface TarEntry {
  readonly type: EntryType;
  /** As it stands in the archive; may be absolute, or have `.`, `..` and empty parts. */
  readonly name: ByteString;
  /** The target of a symbolic link, the other name of a hard link; otherwise empty. */
  readonly linkname: ByteString;
  /** Permission bits with set-user-id, set-group-id and sticky, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  /** Of the file as it is to be, in bytes; 0 for what is no file. */
  readonly size: number;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by their full name, in order. */
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array<ArrayBuffer>>;
  /** Where a sparse file holds data, in ascending order. */
  readonly sparse?: readonly DataRegion[];
}
