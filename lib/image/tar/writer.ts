import { type ByteString, toByteString } from "./bytes.ts";
import type { DataRegion, EntryType, TarEntry } from "./entry.ts";
import { BLOCK, padded } from "./block.ts";

/** What ends an archive: two empty blocks. */
export const END_MARK = new Uint8Array(new ArrayBuffer(2 * BLOCK));

/** The inverse of what the reader knows. */
const TYPEFLAGS: Readonly<Record<EntryType, string>> = {
  "file": "0",
  "hard link": "1",
  "symbolic link": "2",
  "character device": "3",
  "block device": "4",
  "folder": "5",
  "fifo": "6",
};

/** A file of this name stands for a sparse one to programs that know nothing of those. */
const SPARSE_NAME = "GNUSparseFile.0/file";

/**
 * What stands before a member's content: its header in the ustar format, and before that an extended
 * one where the member needs it (pax(1p)). Sparse files are in GNU tar's format 1.0. The same member
 * always gives the same bytes.
 */
export function tarHeader(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const records = new Map<ByteString, ByteString>();
  const name = entry.type === "folder" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const map = entry.sparse === undefined ? EMPTY : sparseMap(entry.sparse);
  const stored = storedSize(entry) + map.length;
  if (entry.sparse !== undefined) {
    records.set("GNU.sparse.major", "1");
    records.set("GNU.sparse.minor", "0");
    records.set("GNU.sparse.name", name);
    records.set("GNU.sparse.realsize", `${entry.size}`);
  }
  const fit = (key: string, value: ByteString, length: number) => {
    if (value.length > length) records.set(key, value);
    return value.slice(0, length);
  };
  const fitNumber = (key: string, value: number, most: number) => {
    if (value > most) records.set(key, `${value}`);
    return value > most ? 0 : value;
  };
  const { seconds, nanoseconds } = entry.mtime;
  const isPlainTime = nanoseconds === 0 && seconds >= 0 && seconds <= MOST_OF_12;
  if (!isPlainTime) records.set("mtime", timeText(entry.mtime));
  const block = header({
    name: entry.sparse === undefined ? fit("path", name, 100) : SPARSE_NAME,
    linkname: fit("linkpath", entry.linkname, 100),
    typeflag: TYPEFLAGS[entry.type],
    mode: entry.mode,
    uid: fitNumber("uid", entry.uid, MOST_OF_8),
    gid: fitNumber("gid", entry.gid, MOST_OF_8),
    size: fitNumber("size", stored, MOST_OF_12),
    mtime: isPlainTime ? seconds : 0,
    major: entry.major,
    minor: entry.minor,
  });
  for (const [key, value] of [...entry.xattrs].sort(([a], [b]) => a < b ? -1 : 1)) {
    const escaped = key.replaceAll("%", "%25").replaceAll("=", "%3D");
    records.set(`SCHILY.xattr.${escaped}`, toByteString(value));
  }
  return concat(records.size === 0 ? [block, map] : [extension(records), block, map]);
}

/** How many bytes of content follow a member's header; they are filled up with {@link padding}. */
export function storedSize({ type, size, sparse }: TarEntry): number {
  if (type !== "file") return 0;
  return sparse?.reduce((sum, { length }) => sum + length, 0) ?? size;
}

/** What fills up some content to whole blocks. */
export function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(padded(size) - size));
}

/** What fits into a field of 8 bytes, and of 12, in octal digits with a closing NUL. */
const MOST_OF_8 = 0o7777777;
const MOST_OF_12 = 0o77777777777;

const EMPTY = new Uint8Array(new ArrayBuffer(0));

interface HeaderFields {
  readonly name: ByteString;
  readonly linkname: ByteString;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

function header(fields: HeaderFields): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(new ArrayBuffer(BLOCK));
  const text = (offset: number, value: ByteString) => putText(block, offset, value);
  const number = (offset: number, length: number, value: number) =>
    text(offset, value.toString(8).padStart(length - 1, "0"));
  text(0, fields.name);
  number(100, 8, fields.mode);
  number(108, 8, fields.uid);
  number(116, 8, fields.gid);
  number(124, 12, fields.size);
  number(136, 12, fields.mtime);
  text(148, " ".repeat(8));
  text(156, fields.typeflag);
  text(157, fields.linkname);
  text(257, "ustar\x0000");
  number(329, 8, fields.major);
  number(337, 8, fields.minor);
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  text(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A member of its own that holds the records for the next one. */
function extension(records: ReadonlyMap<ByteString, ByteString>): Uint8Array<ArrayBuffer> {
  const text = [...records].map(([key, value]) => record(key, value)).join("");
  const content = new Uint8Array(new ArrayBuffer(padded(text.length)));
  putText(content, 0, text);
  const fields = { name: "PaxHeaders.0/file", linkname: "", typeflag: "x", mode: 0o644 };
  const zero = { uid: 0, gid: 0, mtime: 0, major: 0, minor: 0 };
  return concat([header({ ...fields, ...zero, size: text.length }), content]);
}

/** `LENGTH KEY=VALUE\n`, where the length counts all of it. */
function record(key: ByteString, value: ByteString): ByteString {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length++;
  return `${length}${rest}`;
}

/** Decimal numbers, one a line, in blocks of their own: how many regions, and of each offset and length. */
function sparseMap(regions: readonly DataRegion[]): Uint8Array<ArrayBuffer> {
  const lines = regions.map(({ offset, length }) => `${offset}\n${length}\n`).join("");
  const text = `${regions.length}\n${lines}`;
  const map = new Uint8Array(new ArrayBuffer(padded(text.length)));
  putText(map, 0, text);
  return map;
}

function timeText({ seconds, nanoseconds }: TarEntry["mtime"]): string {
  const fraction = (value: number) =>
    value === 0 ? "" : `.${`${value}`.padStart(9, "0").replace(/0+$/, "")}`;
  // What is before 1970 counts back from there: -1.5 is -2 and half a second.
  return seconds < 0 && nanoseconds > 0
    ? `-${-seconds - 1}${fraction(1_000_000_000 - nanoseconds)}`
    : `${seconds}${fraction(nanoseconds)}`;
}

function putText(into: Uint8Array, offset: number, text: ByteString): void {
  for (let i = 0; i < text.length; i++) into[offset + i] = text.charCodeAt(i);
}

function concat(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    new ArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
