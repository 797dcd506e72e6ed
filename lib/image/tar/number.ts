import { ArchiveFault } from "../fault.ts";

/**
 * A number of a header: octal digits between spaces and NULs, or, with the highest bit of the first
 * byte set, a binary one in two's complement, most significant byte first (GNU tar).
 *
 * @throws {ArchiveFault} when it is none
 */
export function number(block: Uint8Array, offset: number, length: number): number {
  const value = (block[offset]! & 0x80) === 0
    ? octal(block, offset, length)
    : binary(block.subarray(offset, offset + length));
  if (value === undefined || !Number.isSafeInteger(value)) throw noNumber();
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

function binary(field: Uint8Array): number {
  const negative = (field[0]! & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  value = (value << 6n) | BigInt(field[0]! & 0x3f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  return Number(value);
}

/** Whether a field holds such a number. */
export function isNumber(field: Uint8Array): boolean {
  return (field[0]! & 0x80) !== 0 || octal(field, 0, field.length) !== undefined;
}

/** That something else stands where a header has a number. */
export function noNumber(): ArchiveFault {
  return new ArchiveFault("is broken: a header has a number that is none");
}

const DIGIT_ZERO = 48;

function isBlank(byte: number): boolean {
  return byte === 0 || byte === 32;
}
