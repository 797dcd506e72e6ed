import { assertEquals } from "@std/assert";
import type { EntryType, TarEntry } from "../../../lib/image/tar/entry.ts";
import { TarReader } from "../../../lib/image/tar/reader.ts";
import { END_MARK, padding, storedSize, tarHeader } from "../../../lib/image/tar/writer.ts";
import { Random } from "../oci/random.ts";
import { concat } from "./tar_builder.ts";

const SIMPLE: TarEntry = {
  type: "file",
  name: "a/b",
  linkname: "",
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtime: { seconds: 1_600_000_000, nanoseconds: 0 },
  size: 3,
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

const content = (size: number) => new Uint8Array(size).fill(120);

function write(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const members = entries.flatMap((entry) => {
    const size = storedSize(entry);
    return [tarHeader(entry), content(size), padding(size)];
  });
  return concat([...members, END_MARK]);
}

function read(archive: Uint8Array<ArrayBuffer>): { entries: TarEntry[]; bytes: number } {
  const entries: TarEntry[] = [];
  let bytes = 0;
  const reader = new TarReader({
    entry: (entry) => void entries.push(entry),
    data: (piece) => void (bytes += piece.length),
    end() {},
  });
  reader.push(archive);
  reader.finish();
  return { entries, bytes };
}

function roundTrip(entry: TarEntry): void {
  const { entries, bytes } = read(write([entry]));
  const name = entry.type === "folder" ? `${entry.name}/` : entry.name;
  assertEquals(entries, [{ ...entry, name, sparse: entry.sparse }]);
  assertEquals(bytes, storedSize(entry));
}

Deno.test("a plain member is one block and its content", () => {
  const archive = write([SIMPLE]);
  assertEquals(archive.length, 512 + 512 + 1024);
  roundTrip(SIMPLE);
});

const CASES: Readonly<Record<string, Partial<TarEntry>>> = {
  "a name of 100 bytes": { name: "n".repeat(100) },
  "a name of 101 bytes": { name: "n".repeat(101) },
  "a name that is no text": { name: "\xff\xfe/\x80".repeat(60) },
  "a long link": { type: "symbolic link", size: 0, linkname: "../l".repeat(200) },
  "a long hard link": { type: "hard link", size: 0, linkname: "l".repeat(101) },
  "large ids": { uid: 0xfffffffe, gid: 2_097_152 },
  "the largest ids that a field holds": { uid: 2_097_151, gid: 2_097_151 },
  "a fraction of a second": { mtime: { seconds: 5, nanoseconds: 120_000_000 } },
  "before 1970": { mtime: { seconds: -5, nanoseconds: 0 } },
  "a fraction before 1970": { mtime: { seconds: -2, nanoseconds: 500_000_000 } },
  "a nanosecond before 1970": { mtime: { seconds: -1, nanoseconds: 999_999_999 } },
  "far ahead": { mtime: { seconds: 10_000_000_000, nanoseconds: 1 } },
  "attributes": {
    xattrs: new Map([
      ["security.capability", new Uint8Array([1, 0, 10, 255])],
      ["user.a=b%c", new Uint8Array([61, 10])],
      ["user.empty", new Uint8Array(0)],
    ]),
  },
  "a device": { type: "block device", size: 0, major: 4095, minor: 1_048_575 },
  "a folder": { type: "folder", size: 0, mode: 0o7777 },
  "a fifo": { type: "fifo", size: 0 },
  "a sparse file": {
    size: 1_000_000,
    sparse: [{ offset: 4096, length: 10 }, { offset: 900_000, length: 100_000 }],
  },
  "a sparse file with a hole at its end": { size: 9_000, sparse: [{ offset: 0, length: 4096 }] },
  "a sparse file without data": { size: 1e12, sparse: [], name: "n".repeat(300) },
};

for (const [name, change] of Object.entries(CASES)) {
  Deno.test(`what is written is read again: ${name}`, () => roundTrip({ ...SIMPLE, ...change }));
}

Deno.test("what is written is read again: 2,000 random members", () => {
  const random = new Random(7);
  const types: readonly EntryType[] = ["file", "folder", "symbolic link", "hard link", "fifo"];
  for (let round = 0; round < 2000; round++) {
    const type = random.pick(types);
    const text = (most: number) =>
      Array.from(
        { length: 1 + random.below(most) },
        () => String.fromCharCode(1 + random.below(255)),
      ).join("").replaceAll("/", "_");
    const isLink = type.endsWith("link");
    roundTrip({
      ...SIMPLE,
      type,
      name: text(250),
      linkname: isLink ? text(250) : "",
      mode: random.below(0o10000),
      uid: random.below(2 ** 32 - 1),
      gid: random.below(3_000_000),
      size: type === "file" ? random.below(5000) : 0,
      mtime: { seconds: random.below(2 ** 40) - 2 ** 39, nanoseconds: random.below(1e9) },
    });
  }
});
