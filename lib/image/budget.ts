import { fstatfs } from "../../ffi/statfs.ts";
import { ArchiveFault, NoRoom } from "./fault.ts";
import type { TarEntry } from "./tar/entry.ts";

/** The most members of one archive; the largest distributions install some 500,000 files. */
const ENTRY_LIMIT = 1_000_000;

/**
 * What a byte of a compressed archive may unpack to at most, once there is more than
 * {@link RATIO_FROM} bytes of it: root file systems shrink to a half or a fifth, never so far.
 */
const RATIO_LIMIT = 200;
const RATIO_FROM = 1024 * 1024 * 1024;

/**
 * The most bytes of names, links and attributes of one archive, for they stay in memory as long as folders and links
 * are to be found by them: a million members with names of the usual length have fewer.
 */
const NAMES_LIMIT = 128 * 1024 * 1024;

/** Files take whole blocks of the disk. */
const DISK_BLOCK = 4096;

/** What is counted of a member, and of what is made for one though none tells of it. */
export type Counted = Pick<TarEntry, "name" | "linkname" | "size" | "sparse" | "xattrs">;

/** Keeps an archive from unpacking to more than the disk, or reason, bears. */
export class Budget {
  readonly #freeBytes: number;
  readonly #freeFiles: number;
  #entries = 0;
  #bytes = 0;
  #names = 0;

  /** @param folder descriptor of a folder on the disk; a twentieth of what is free there stays so. */
  constructor(folder: number) {
    const { freeBytes, freeFiles } = fstatfs(folder);
    this.#freeBytes = freeBytes * 0.95;
    this.#freeFiles = freeFiles * 0.95;
  }

  /**
   * Counts a member before it is written.
   *
   * @throws {ArchiveFault} when there are too many, or the disk has no room for it
   */
  count(entry: Counted): void {
    if (++this.#entries > ENTRY_LIMIT) {
      throw new ArchiveFault(`is hostile: it has more than ${ENTRY_LIMIT} members`);
    }
    this.#names += entry.name.length + entry.linkname.length;
    for (const [name, value] of entry.xattrs) this.#names += name.length + value.length;
    if (this.#names > NAMES_LIMIT) {
      throw new ArchiveFault(
        `is hostile: the names of its members have more than ${mebibytes(NAMES_LIMIT)}`,
      );
    }
    const data = entry.sparse?.reduce((sum, { length }) => sum + length, 0) ?? entry.size;
    this.#bytes += Math.ceil(data / DISK_BLOCK) * DISK_BLOCK;
    if (this.#bytes > this.#freeBytes) throw noRoom(`${mebibytes(this.#freeBytes)} are free`);
    if (this.#entries > this.#freeFiles) {
      throw noRoom(`${Math.floor(this.#freeFiles)} more files fit on it`);
    }
  }

  /**
   * Compares what was unpacked with what it was unpacked from, in bytes.
   *
   * @throws {ArchiveFault} for a decompression bomb
   */
  compare(unpacked: number, compressed: number): void {
    if (unpacked <= RATIO_FROM || unpacked <= compressed * RATIO_LIMIT) return;
    throw new ArchiveFault(
      `is hostile: ${mebibytes(compressed)} of it unpack to more than ${mebibytes(unpacked)}`,
    );
  }
}

function noRoom(detail: string): NoRoom {
  return new NoRoom(`unpacks to more than the disk has room for: ${detail}`, {
    hint: "Make room, or give an images folder on another disk with -i",
  });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
