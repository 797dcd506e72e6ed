import { ArchiveFault } from "../fault.ts";

/** How an archive is compressed. */
export type Compression = "none" | "gzip" | "xz" | "zstd";

/** How many bytes of the beginning {@link compressionOf} looks at. */
export const MAGIC_LENGTH = 16;

/** What a file begins with, one character a byte (file(1)'s magic). */
const COMPRESSIONS: readonly (readonly [magic: string, Compression])[] = [
  ["\x1f\x8b\x08", "gzip"],
  ["\xfd7zXZ\0", "xz"],
  ["\x28\xb5\x2f\xfd", "zstd"],
];

/** What users may take for an archive of the kinds that are read. */
const OTHERS: readonly (readonly [magic: string, name: string])[] = [
  ["BZh", "a bzip2 archive"],
  ["PK\x03\x04", "a zip archive"],
  ["PK\x05\x06", "a zip archive"],
  ["7z\xbc\xaf\x27\x1c", "a 7-Zip archive"],
  ["Rar!", "a RAR archive"],
  ["\x04\x22\x4d\x18", "an lz4 archive"],
  ["\x5d\0\0", "an lzma archive"],
  ["LZIP", "an lzip archive"],
  ["\x1f\x9d", "a compress archive"],
  ["hsqs", "a squashfs image"],
  ["07070", "a cpio archive"],
  ["!<arch>\n", "a Debian package or ar archive"],
  ["\xed\xab\xee\xdb", "an RPM package"],
  ["QFI\xfb", "a QEMU disk image"],
  ["\x7fELF", "a program"],
];

/**
 * Tells by its first bytes how an archive is compressed; the name of its file may lie.
 *
 * @throws {ArchiveFault} when it is empty or of a kind that cannot be read
 */
export function compressionOf(beginning: Uint8Array): Compression {
  if (beginning.length === 0) throw new ArchiveFault("is empty");
  const known = COMPRESSIONS.find(([magic]) => begins(beginning, magic));
  if (known !== undefined) return known[1];
  // A frame that zstd skips stands first in archives that can be read in parts (RFC 8878, 3.1.2).
  if ((beginning[0]! & 0xf0) === 0x50 && begins(beginning.subarray(1), "\x2a\x4d\x18")) {
    return "zstd";
  }
  const other = OTHERS.find(([magic]) => begins(beginning, magic));
  if (other !== undefined) throw new ArchiveFault(`is ${other[1]}, which cannot be read`);
  return "none";
}

function begins(bytes: Uint8Array, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic.charCodeAt(i)) return false;
  return true;
}
