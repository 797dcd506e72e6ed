/**
 * What the build writes behind the archive of the image that it puts into the binary, {@link TRAILER_SIZE} bytes
 * (numbers little-endian):
 *
 * ```text
 * offset  size
 *      0    16  magic, "gocontainer-img\n"
 *     16     8  format version, 1
 *     24     8  length of the archive in bytes
 *     32    64  SHA-512 of the archive
 *     96    64  image name, UTF-8, padded with NUL
 *    160    96  file name, UTF-8, padded with NUL
 * ```
 */

import { fromCString } from "../../ffi/cstring.ts";

/** Length of the trailer in bytes. */
export const TRAILER_SIZE = 256;

/** The trailer's first 16 bytes. */
export const TRAILER_MAGIC = "gocontainer-img\n";

/** The version of the trailer's layout. */
export const TRAILER_VERSION = 1n;

/** Where the file lies that `deno compile --include` embeds, relative to the main module's folder. */
export const INCLUDED_FILE = ".build/embedded-image";

/** What a trailer tells of the archive before it. */
export interface ImageTrailer {
  /** The image's name, for example `alpine`. */
  readonly name: string;
  /** The archive's file name, whose ending tells its kind: `alpine-….tar.gz`. */
  readonly fileName: string;
  /** Length of the archive in bytes. */
  readonly size: number;
  /** SHA-512 of the archive, hexadecimal. */
  readonly sha512: string;
}

/** Parses a trailer; undefined when the bytes are none. */
export function parseTrailer(bytes: Uint8Array): ImageTrailer | undefined {
  if (bytes.length !== TRAILER_SIZE || fromCString(bytes.subarray(0, 16)) !== TRAILER_MAGIC) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getBigUint64(16, true) !== TRAILER_VERSION) return undefined;
  return {
    size: Number(view.getBigUint64(24, true)),
    sha512: bytes.subarray(32, 96).toHex(),
    name: fromCString(bytes.subarray(96, 160)),
    fileName: fromCString(bytes.subarray(160, 256)),
  };
}
