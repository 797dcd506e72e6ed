import { ArchiveFault } from "../../fault.ts";
import { type Check, checkOf, Crc32 } from "./check.ts";
import { Input } from "./input.ts";
import { lzma2 } from "./lzma2.ts";

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FOOTER_MAGIC = [0x59, 0x5a];
const LZMA2_FILTER = 0x21;
/** The largest dictionary that is taken, that of xz -9: 64 MiB. */
const DICTIONARY_LIMIT = 64 * 1024 * 1024;

/**
 * Undoes xz, also of several streams one after another (the .xz file format 1.2). Every checksum is
 * verified. Filters before LZMA2, which suit single programs rather than archives, are refused.
 *
 * @throws {ArchiveFault} while it is read
 */
export function* unxz(
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
): Generator<Uint8Array<ArrayBuffer>> {
  const input = new Input(compressed);
  do {
    yield* stream(input);
    skipPadding(input);
  } while (!input.atEnd());
}

/** What the index at the end of a stream says once more of its blocks. */
interface Totals {
  blocks: number;
  /** Bytes of all blocks in the file, without their padding. */
  stored: number;
  unpacked: number;
}

function* stream(input: Input): Generator<Uint8Array<ArrayBuffer>> {
  const header = input.bytes(6);
  if (MAGIC.some((byte, i) => header[i] !== byte)) throw wrong();
  const flags = withCrc32(input, 2);
  if (flags[0] !== 0 || flags[1]! > 0x0f) throw wrong();
  const totals: Totals = { blocks: 0, stored: 0, unpacked: 0 };
  for (let size = input.byte(); size !== 0; size = input.byte()) {
    yield* block(input, size, checkOf(flags[1]!), totals);
  }
  const indexSize = readIndex(input, totals);
  readFooter(input, flags, indexSize);
}

function* block(
  input: Input,
  sizeByte: number,
  check: Check,
  totals: Totals,
): Generator<Uint8Array<ArrayBuffer>> {
  const start = input.consumed - 1;
  const header = new Input([withCrc32(input, sizeByte * 4 - 1, [sizeByte])]);
  const flags = header.byte();
  if ((flags & 0x3c) !== 0) throw wrong();
  const stored = (flags & 0x40) === 0 ? undefined : vli(header);
  const unpacked = (flags & 0x80) === 0 ? undefined : vli(header);
  const dictionarySize = readFilters(header, (flags & 3) + 1);
  while (!header.atEnd()) if (header.byte() !== 0) throw wrong();

  const dataStart = input.consumed;
  let size = 0;
  for (const piece of lzma2(input, dictionarySize)) {
    check.update(piece);
    size += piece.length;
    yield piece;
  }
  const dataSize = input.consumed - dataStart;
  if (stored !== undefined && stored !== dataSize) throw wrong();
  if (unpacked !== undefined && unpacked !== size) throw wrong();
  zeros(input, -dataSize & 3);
  const expected = check.digest();
  const actual = input.bytes(expected.length);
  if (expected.some((byte, i) => byte !== actual[i])) {
    throw new ArchiveFault("is broken: its checksum is wrong");
  }
  totals.blocks++;
  totals.stored += input.consumed - start - (-dataSize & 3);
  totals.unpacked += size;
}

/** Reads the filters of a block, and gives the size of the dictionary in bytes. */
function readFilters(header: Input, count: number): number {
  const id = vli(header);
  if (count !== 1 || id !== LZMA2_FILTER) {
    throw new ArchiveFault("has a filter of xz that is not known here; compress it with plain xz");
  }
  const propertiesSize = vli(header);
  const bits = header.byte();
  if (propertiesSize !== 1 || bits > 40) throw wrong();
  const size = (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  if (size > DICTIONARY_LIMIT) {
    throw new ArchiveFault("needs more than 64 MiB to be undone; compress it with xz -9 or less");
  }
  return size;
}

/** Reads the index, behind its first byte, and gives its size in bytes. */
function readIndex(input: Input, totals: Totals): number {
  const crc = new Crc32();
  const start = input.consumed - 1;
  const counted: number[] = [0];
  const next = () => {
    const value = vli(input, (byte) => counted.push(byte));
    // What was read is summed up at once, so that it is not kept.
    if (counted.length > 4096) crc.update(Uint8Array.from(counted.splice(0)));
    return value;
  };
  const blocks = next();
  let [stored, unpacked] = [0, 0];
  for (let i = 0; i < blocks; i++) {
    stored += next();
    unpacked += next();
  }
  if (blocks !== totals.blocks || stored !== totals.stored || unpacked !== totals.unpacked) {
    throw wrong();
  }
  const padding = -(input.consumed - start) & 3;
  zeros(input, padding);
  crc.update(Uint8Array.from(counted));
  crc.update(new Uint8Array(padding));
  verify(crc, input);
  return input.consumed - start;
}

function readFooter(input: Input, flags: Uint8Array, indexSize: number): void {
  const expected = input.bytes(4);
  const rest = input.bytes(6);
  const crc = new Crc32();
  crc.update(rest);
  if (crc.digest().some((byte, i) => byte !== expected[i])) throw wrong();
  const backwardSize = (new DataView(rest.buffer).getUint32(0, true) + 1) * 4;
  if (backwardSize !== indexSize || rest[4] !== flags[0] || rest[5] !== flags[1]) throw wrong();
  const magic = input.bytes(2);
  if (FOOTER_MAGIC.some((byte, i) => magic[i] !== byte)) throw wrong();
}

/** Between streams there may be zeros, four at a time. */
function skipPadding(input: Input): void {
  // The next stream begins with a byte that is none.
  while (!input.atEnd() && input.peek() === 0) zeros(input, 4);
}

function zeros(input: Input, count: number): void {
  for (let i = 0; i < count; i++) if (input.byte() !== 0) throw wrong();
}

/** Reads bytes and their CRC-32, which counts the bytes `before` them too. */
function withCrc32(
  input: Input,
  count: number,
  before: readonly number[] = [],
): Uint8Array<ArrayBuffer> {
  const bytes = input.bytes(count);
  const crc = new Crc32();
  crc.update(Uint8Array.from(before));
  crc.update(bytes);
  verify(crc, input);
  return bytes;
}

function verify(crc: Crc32, input: Input): void {
  const expected = input.bytes(4);
  if (crc.digest().some((byte, i) => byte !== expected[i])) throw wrong();
}

/** A number of up to 63 bits, seven in each byte, the lowest first. */
function vli(input: Input, see: (byte: number) => void = () => {}): number {
  let value = 0;
  for (let shift = 0; shift < 63; shift += 7) {
    const byte = input.byte();
    see(byte);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if ((byte === 0 && shift > 0) || !Number.isSafeInteger(value)) throw wrong();
      return value;
    }
  }
  throw wrong();
}

function wrong(): ArchiveFault {
  return new ArchiveFault("is broken: the compressed data is wrong");
}
