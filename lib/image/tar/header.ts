import * as headers from "tar-stream/headers.js";
import { ArchiveFault } from "../fault.ts";
import type { ByteString } from "./bytes.ts";

/** A header block as it is, before the extensions of the headers before it are applied. */
export interface Header {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow in the archive. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** One character: `0` a file, `5` a folder, `x` a POSIX extension, `L` a long name of GNU tar, … */
  readonly typeflag: string;
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
}

/** What tar-stream's decoder makes of a block; what is no number in it is `null` or NaN. */
interface DecodedHeader {
  readonly name: string;
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly size: number | null;
  readonly mtime: Date;
  readonly linkname: string | null;
  readonly devmajor: number | null;
  readonly devminor: number | null;
}

/** Its own types say nothing of it. */
const decode = headers.decode as (
  block: Uint8Array,
  filenameEncoding: "latin1",
  allowUnknownFormat: boolean,
) => DecodedHeader | null;

/**
 * Reads a header block: the POSIX ustar format (pax(1p), "ustar Interchange Format"), that of GNU tar
 * with its binary numbers, and the old format before both.
 *
 * @returns undefined for a block of zeros: two of them end an archive
 * @throws {ArchiveFault} when a number is wrong, or the checksum, for which `unsealed` says what that makes of the archive
 */
export function parseHeader(block: Uint8Array, unsealed: string): Header | undefined {
  const decoded = decodeBlock(block, unsealed);
  if (decoded === null) return undefined;
  const whole = (value: number | null, offset: number) => wholeNumber(value, block[offset]!);
  const typeflag = block[156] === 0 ? "0" : String.fromCharCode(block[156]!);
  // In the format before ustar the fields of others may hold anything.
  const device = typeflag === "3" || typeflag === "4";
  return {
    name: decoded.name,
    mode: whole(decoded.mode, 100) & 0o7777,
    uid: whole(decoded.uid, 108),
    gid: whole(decoded.gid, 116),
    size: whole(decoded.size, 124),
    mtime: whole(decoded.mtime.getTime() / 1000, 136),
    typeflag,
    linkname: decoded.linkname ?? "",
    major: device ? whole(decoded.devmajor, 329) : 0,
    minor: device ? whole(decoded.devminor, 337) : 0,
  };
}

/** In Latin-1 each byte of a name is one character, whatever encoding it has. */
function decodeBlock(block: Uint8Array, unsealed: string): DecodedHeader | null {
  try {
    return decode(block, "latin1", true);
  } catch (cause) {
    throw new ArchiveFault(unsealed, { cause });
  }
}

/** A number as it is meant: what is negative comes out one too large, for its first byte is taken for all of its sign. */
function wholeNumber(decoded: number | null, firstByte: number): number {
  const value = decoded !== null && firstByte === 0xff ? decoded - 1 : decoded;
  if (value === null || !Number.isSafeInteger(value)) throw noNumber();
  return value;
}

/** That something else stands where a header has a number. */
export function noNumber(): ArchiveFault {
  return new ArchiveFault("is broken: a header has a number that is none");
}
