import { ArchiveFault } from "../fault.ts";
import { type ByteString, toByteString } from "./bytes.ts";

/** Everything in an archive comes in blocks of this many bytes. */
export const BLOCK = 512;

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

/** Whether a block is all zeros: two of them end an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
  return true;
}

/**
 * Reads a header block: the POSIX ustar format (pax(1p), "ustar Interchange Format"), that of GNU tar
 * with its binary numbers, and the old format before both.
 *
 * @throws {ArchiveFault} when the checksum or a number is wrong
 */
export function parseHeader(block: Uint8Array): Header {
  if (!hasChecksum(block)) throw new ArchiveFault("is broken: the checksum of a header is wrong");
  const magic = toByteString(block.subarray(257, 265));
  const posix = magic.startsWith("ustar\0");
  // GNU tar and star keep other things where ustar has the first part of a long name.
  const star = posix && toByteString(block.subarray(508, 512)) === "tar\0";
  const prefix = posix ? text(block, 345, star ? 131 : 155) : "";
  const name = text(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    typeflag: block[156] === 0 ? "0" : String.fromCharCode(block[156]!),
    linkname: text(block, 157, 100),
    major: magic.startsWith("ustar") ? number(block, 329, 8) : 0,
    minor: magic.startsWith("ustar") ? number(block, 337, 8) : 0,
  };
}

/**
 * Whether a block is a header: the sum of all bytes, the checksum's own read as spaces. Some old programs
 * summed signed bytes.
 */
export function hasChecksum(block: Uint8Array): boolean {
  let unsigned = 8 * 32;
  let signed = 8 * 32;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i]!;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const stored = octal(block, 148, 8);
  return stored === unsigned || stored === signed;
}

function text(block: Uint8Array, offset: number, length: number): ByteString {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end++;
  return toByteString(block.subarray(offset, end));
}

/**
 * A number of a header: octal digits between spaces and NULs, or, with the highest bit of the first
 * byte set, a binary one in two's complement, most significant byte first (GNU tar).
 */
export function number(block: Uint8Array, offset: number, length: number): number {
  const value = (block[offset]! & 0x80) === 0
    ? octal(block, offset, length)
    : binary(block.subarray(offset, offset + length));
  if (value === undefined || !Number.isSafeInteger(value)) {
    throw new ArchiveFault("is broken: a header has a number that is none");
  }
  return value;
}

function octal(block: Uint8Array, offset: number, length: number): number | undefined {
  const end = offset + length;
  let at = offset;
  while (at < end && isBlank(block[at]!)) at++;
  let value = 0;
  for (; at < end && !isBlank(block[at]!); at++) {
    const digit = block[at]! - DIGIT_ZERO;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return value;
}

const DIGIT_ZERO = 48;

function isBlank(byte: number): boolean {
  return byte === 0 || byte === 32;
}

function binary(field: Uint8Array): number {
  const negative = (field[0]! & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  value = (value << 6n) | BigInt(field[0]! & 0x3f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  return Number(value);
}
