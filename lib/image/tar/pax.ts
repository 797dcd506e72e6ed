import { ArchiveFault } from "../fault.ts";
import { type ByteString, toByteString } from "./bytes.ts";

/** A record of an extended header. The value is bytes: that of an attribute need not be text. */
export interface PaxRecord {
  readonly key: ByteString;
  readonly value: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the records of an extended header, each `LENGTH KEY=VALUE\n`, the length counting all of it
 * (pax(1p), "pax Extended Header").
 *
 * @throws {ArchiveFault} when they are not so
 */
export function parsePax(bytes: Uint8Array<ArrayBuffer>): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const space = rest.indexOf(SPACE);
    const digits = space < 1 || space > 8 ? "" : toByteString(rest.subarray(0, space));
    const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
    const equals = rest.indexOf(EQUALS, space);
    if (length > rest.length || equals <= space + 1 || equals >= length - 1) throw malformed();
    if (rest[length - 1] !== NEWLINE) throw malformed();
    records.push({
      key: toByteString(rest.subarray(space + 1, equals)),
      value: rest.subarray(equals + 1, length - 1),
    });
    rest = rest.subarray(length);
  }
  return records;
}

const SPACE = 32;
const EQUALS = 61;
const NEWLINE = 10;

function malformed(): ArchiveFault {
  return new ArchiveFault("is broken: an extended header is malformed");
}

/** What the extended headers before a member say of it. An empty value takes one back. */
export class PaxAttributes {
  readonly #values = new Map<ByteString, Uint8Array<ArrayBuffer>>();
  readonly #sparse: { readonly offsets: string[]; readonly lengths: string[] } = {
    offsets: [],
    lengths: [],
  };

  /** Begins with those of the global headers. */
  constructor(global?: PaxAttributes) {
    if (global === undefined) return;
    for (const [key, value] of global.#values) this.#values.set(key, value);
  }

  /** How many records are kept. */
  get count(): number {
    return this.#values.size;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    let sum = 0;
    for (const [key, value] of this.#values) sum += key.length + value.length;
    return sum;
  }

  /** Overlays more records. */
  add(records: readonly PaxRecord[]): void {
    for (const { key, value } of records) {
      // The one pair of keys that is given again and again (GNU tar's sparse format 0.0).
      if (key === "GNU.sparse.offset") this.#sparse.offsets.push(toByteString(value));
      if (key === "GNU.sparse.numbytes") this.#sparse.lengths.push(toByteString(value));
      if (value.length === 0 && !key.startsWith(XATTR)) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }

  /**
   * Overlays those of a global header. Where a sparse file has its data is each file's own: a map for all of them
   * would take its time again for every member.
   */
  addGlobal(records: readonly PaxRecord[]): void {
    this.add(records.filter(({ key }) => !key.startsWith(SPARSE)));
  }

  /** A value as bytes in a string. */
  text(key: string): ByteString | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    const text = toByteString(value);
    if (text.includes("\0")) throw malformed();
    return text;
  }

  /** A value that is a whole number, not negative. */
  integer(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const value = /^[0-9]+$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) throw malformed();
    return value;
  }

  /** Offset and length in bytes of the data in a sparse file, as text: `0,512,8192,512`. */
  sparseMap(): string | undefined {
    const { offsets, lengths } = this.#sparse;
    if (offsets.length === 0) return this.text("GNU.sparse.map");
    if (offsets.length !== lengths.length) throw malformed();
    return offsets.map((offset, i) => `${offset},${lengths[i]}`).join(",");
  }

  /** Extended attributes by name. `=` and `%` are escaped in GNU tar's keys, where `=` ends the key. */
  xattrs(): Map<ByteString, Uint8Array<ArrayBuffer>> {
    const xattrs = new Map<ByteString, Uint8Array<ArrayBuffer>>();
    for (const [key, value] of this.#values) {
      if (!key.startsWith(XATTR)) continue;
      const name = key.slice(XATTR.length).replaceAll("%3D", "=").replaceAll("%25", "%");
      xattrs.set(name, value);
    }
    return xattrs;
  }
}

const XATTR = "SCHILY.xattr.";
const SPARSE = "GNU.sparse.";
