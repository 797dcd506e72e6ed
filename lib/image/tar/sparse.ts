import { ArchiveFault } from "../fault.ts";
import type { DataRegion } from "./entry.ts";
import { number } from "./number.ts";

/** The map of a sparse file in GNU tar's old format: in the header itself and blocks behind it. */
export interface OldSparseHeader {
  readonly regions: DataRegion[];
  /** Whether a block with more regions follows. */
  readonly extended: boolean;
  /** Of the whole file, in bytes. */
  readonly size: number;
}

/** Reads the map in a header of type `S` (GNU tar's manual, "Old GNU Format"). */
export function parseOldSparse(header: Uint8Array): OldSparseHeader {
  return {
    regions: regionsAt(header, 386, 4),
    extended: header[482] === 1,
    size: number(header, 483, 12),
  };
}

/** Reads a block of more regions; `extended` tells of yet another one. */
export function parseOldSparseBlock(block: Uint8Array): Omit<OldSparseHeader, "size"> {
  return { regions: regionsAt(block, 0, 21), extended: block[504] === 1 };
}

function regionsAt(block: Uint8Array, offset: number, count: number): DataRegion[] {
  const regions: DataRegion[] = [];
  for (let at = offset; at < offset + count * 24; at += 24) {
    // The list ends with the first empty field.
    if (block[at + 12] === 0) break;
    regions.push({ offset: number(block, at, 12), length: number(block, at + 12, 12) });
  }
  return regions;
}

/** Reads the map of GNU tar's sparse formats 0.0 and 0.1: `OFFSET,LENGTH,OFFSET,LENGTH…`. */
export function parseSparseList(text: string): DataRegion[] {
  if (text === "") return [];
  const numbers = text.split(",").map(wholeNumber);
  return pairs(numbers);
}

/**
 * Reads the map of sparse format 1.0, which stands before the data in blocks of its own: decimal
 * numbers, one a line, the first of them the count of pairs.
 */
export class SparseBlocks {
  readonly #numbers: number[] = [];
  #line = "";

  /** Takes the next block; gives the map when this was the last of it. */
  add(block: Uint8Array): DataRegion[] | undefined {
    for (const byte of block) {
      if (byte !== NEWLINE) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > 16) throw malformed();
        continue;
      }
      this.#numbers.push(wholeNumber(this.#line));
      this.#line = "";
      if (this.#numbers.length === 1 + 2 * this.#numbers[0]!) return pairs(this.#numbers.slice(1));
    }
    return undefined;
  }
}

const NEWLINE = 10;

function wholeNumber(text: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw malformed();
  return value;
}

function pairs(numbers: readonly number[]): DataRegion[] {
  if (numbers.length % 2 !== 0) throw malformed();
  const regions: DataRegion[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    regions.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  }
  return regions;
}

/**
 * Checks that regions ascend, do not overlap and lie within a file of `size` bytes.
 *
 * @returns the sum of their lengths
 * @throws {ArchiveFault}
 */
export function measureRegions(regions: readonly DataRegion[], size: number): number {
  let end = 0;
  let sum = 0;
  if (size < 0) throw malformed();
  for (const { offset, length } of regions) {
    if (length < 0 || offset < end || offset + length > size) throw malformed();
    end = offset + length;
    sum += length;
  }
  return sum;
}

function malformed(): ArchiveFault {
  return new ArchiveFault("is broken: the map of a sparse file is malformed");
}
