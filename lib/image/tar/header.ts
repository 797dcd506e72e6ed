import * as headers from "tar-stream/headers.js";
import { ArchiveFault } from "../fault.ts";
import { type ByteString, toByteString } from "./bytes.ts";
import { isNumber, noNumber } from "./number.ts";

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
  const whole = (value: number | null, offset: number, length = 8) =>
    wholeNumber(value, block.subarray(offset, offset + length));
  const typeflag = block[156] === 0 ? "0" : String.fromCharCode(block[156]!);
  // In the format before ustar the fields of others may hold anything.
  const device = typeflag === "3" || typeflag === "4";
  return {
    name: decoded.name,
    mode: whole(decoded.mode, 100) & 0o7777,
    uid: whole(decoded.uid, 108),
    gid: whole(decoded.gid, 116),
    size: whole(decoded.size, 124, 12),
    mtime: whole(decoded.mtime.getTime() / 1000, 136, 12),
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
    const resealed = withoutSigns(block);
    if (resealed === undefined) throw new ArchiveFault(unsealed, { cause });
    return decode(resealed, "latin1", true);
  }
}

/** A block with the checksum that tar-stream knows; undefined where it has not that of signed bytes, as some old programs sum them. */
function withoutSigns(block: Uint8Array): Uint8Array | undefined {
  const sum = (valueOf: (byte: number) => number) =>
    block.reduce((sum, byte, at) => sum + (isChecksum(at) ? BLANK : valueOf(byte)), 0);
  const stored = parseInt(toByteString(block.subarray(CHECKSUM, CHECKSUM_END)).trim(), 8);
  if (stored !== sum((byte) => byte < 0x80 ? byte : byte - 0x100)) return undefined;
  const digits = sum((byte) => byte).toString(8).padStart(CHECKSUM_END - CHECKSUM, "0");
  const changed = block.slice();
  changed.set(new TextEncoder().encode(digits), CHECKSUM);
  return changed;
}

const CHECKSUM = 148;
const CHECKSUM_END = 156;
const BLANK = 32;

function isChecksum(at: number): boolean {
  return at >= CHECKSUM && at < CHECKSUM_END;
}

/**
 * A number as it is meant. What is negative comes out one too large, for its first byte is taken for all of its sign;
 * and digits are read as far as they are some, whatever stands behind them.
 */
function wholeNumber(decoded: number | null, field: Uint8Array): number {
  const value = decoded !== null && field[0] === 0xff ? decoded - 1 : decoded;
  if (value === null || !Number.isSafeInteger(value) || !isNumber(field)) throw noNumber();
  return value;
}
