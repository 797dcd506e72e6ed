import { createHash } from "node:crypto";
import { ArchiveFault } from "../../fault.ts";

/** A checksum of what a block unpacks to. */
export interface Check {
  update(bytes: Uint8Array): void;
  /** The value as it stands in the file. */
  digest(): Uint8Array;
}

/**
 * The checksum of a type (the .xz file format, 2.1.1.2).
 *
 * @throws {ArchiveFault} for one that is not known
 */
export function checkOf(type: number): Check {
  switch (type) {
    case 0x00:
      return { update() {}, digest: () => new Uint8Array(0) };
    case 0x01:
      return new Crc32();
    case 0x04:
      return new Crc64();
    case 0x0a: {
      const hash = createHash("sha256");
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    }
    default:
      throw new ArchiveFault(`has a checksum of xz, type ${type}, that is not known here`);
  }
}

/** CRC-32 of IEEE 802.3. */
export class Crc32 implements Check {
  #value = 0xffffffff;

  update(bytes: Uint8Array): void {
    const table = crc32Table();
    let value = this.#value;
    for (let i = 0; i < bytes.length; i++) {
      value = table[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
    }
    this.#value = value;
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, ~this.#value, true);
    return bytes;
  }
}

/** CRC-64 of ECMA-182, in two halves. */
class Crc64 implements Check {
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes: Uint8Array): void {
    const [lowTable, highTable] = crc64Tables();
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < bytes.length; i++) {
      const index = (low ^ bytes[i]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ lowTable[index]!;
      high = (high >>> 8) ^ highTable[index]!;
    }
    this.#low = low;
    this.#high = high;
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, ~this.#low, true);
    view.setUint32(4, ~this.#high, true);
    return bytes;
  }
}

let crc32: Int32Array | undefined;
let crc64: readonly [low: Int32Array, high: Int32Array] | undefined;

function crc32Table(): Int32Array {
  return crc32 ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) * 0xedb88320);
    return value;
  });
}

function crc64Tables(): readonly [low: Int32Array, high: Int32Array] {
  if (crc64 !== undefined) return crc64;
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      value = (value >> 1n) ^ ((value & 1n) * 0xc96c5795d7870f42n);
    }
    low[byte] = Number(BigInt.asIntN(32, value));
    high[byte] = Number(BigInt.asIntN(32, value >> 32n));
  }
  return crc64 = [low, high];
}
