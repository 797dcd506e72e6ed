import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArchiveFault } from "../../../lib/image/fault.ts";
import { quoteName, toByteString, toCString } from "../../../lib/image/tar/bytes.ts";
import type { TarEntry } from "../../../lib/image/tar/entry.ts";
import { TarReader } from "../../../lib/image/tar/reader.ts";
import { archive, concat, header, member, paxRecord, paxRecords, sealed } from "./tar_builder.ts";

/** A member as it was read: what is not the default, and the content at its offsets. */
interface Read {
  readonly entry: TarEntry;
  readonly data: [offset: number, text: string][];
}

/** Reads an archive in pieces of a size. */
function readAll(
  bytes: Uint8Array<ArrayBuffer>,
  pieceSize = bytes.length,
  options?: { endMark: boolean },
): Read[] {
  const members: Read[] = [];
  let open = false;
  const reader = new TarReader({
    entry(entry) {
      assertEquals(open, false);
      open = true;
      members.push({ entry, data: [] });
    },
    data(piece, offset) {
      const { data } = members.at(-1)!;
      const last = data.at(-1);
      const text = toByteString(piece);
      // Pieces that follow each other are one, so that the size of pieces does not matter.
      if (last !== undefined && last[0] + last[1].length === offset) last[1] += text;
      else data.push([offset, text]);
    },
    end() {
      open = false;
    },
  }, options);
  for (let at = 0; at < bytes.length; at += pieceSize) {
    // What comes after is overwritten, as a buffer would be that is read into again.
    const piece = bytes.slice(at, at + pieceSize);
    reader.push(piece);
    piece.fill(0x55);
  }
  reader.finish();
  assertEquals(open, false);
  return members;
}

function only(bytes: Uint8Array<ArrayBuffer>): Read {
  const members = readAll(bytes);
  assertEquals(members.length, 1);
  return members[0]!;
}

const SAMPLE = archive([
  { name: "d/", type: "5", mode: 0o1777, uid: 1, gid: 2, mtime: 3 },
  { name: "d/f", content: "x".repeat(1300), mode: 0o4755 },
  { name: "d/empty" },
  { name: "l", type: "2", linkname: "to/where" },
  { name: "h", type: "1", linkname: "d/f" },
  { name: "c", type: "3", major: 4, minor: 64 },
  { name: "b", type: "4", major: 259, minor: 1048575 },
  { name: "p", type: "6" },
  {
    name: "short",
    content: "y",
    pax: {
      path: "long/".repeat(100) + "é",
      mtime: "1700000000.123456789123",
      uid: "4000000000",
      "SCHILY.xattr.user.a": "\0\n=",
    },
  },
  {
    name: "sparse",
    content: "ab",
    pax: { "GNU.sparse.map": "10,1,20,1", "GNU.sparse.size": "30" },
  },
]);

Deno.test("tar: members come with all that their headers tell", () => {
  const read = readAll(SAMPLE);
  assertEquals(read.map(({ entry }) => `${entry.type} ${entry.name.slice(0, 9)}`), [
    "folder d/",
    "file d/f",
    "file d/empty",
    "symbolic link l",
    "hard link h",
    "character device c",
    "block device b",
    "fifo p",
    "file long/long",
    "file sparse",
  ]);
  const { mode, uid, gid, mtime } = read[0]!.entry;
  assertEquals([mode, uid, gid, mtime], [0o1777, 1, 2, { seconds: 3, nanoseconds: 0 }]);
  assertEquals(read[1]!.data, [[0, "x".repeat(1300)]]);
  assertEquals(read[1]!.entry.size, 1300);
  assertEquals(read[2]!.data, []);
  assertEquals(read[3]!.entry.linkname, "to/where");
  assertEquals([read[6]!.entry.major, read[6]!.entry.minor], [259, 1048575]);
  const long = read[8]!.entry;
  assertEquals(long.name, "long/".repeat(100) + "\xc3\xa9");
  assertEquals(long.mtime, { seconds: 1700000000, nanoseconds: 123456789 });
  assertEquals(long.uid, 4000000000);
  assertEquals([...long.xattrs], [["user.a", new TextEncoder().encode("\0\n=")]]);
  assertEquals(read[9]!.data, [[10, "a"], [20, "b"]]);
  assertEquals(read[9]!.entry.size, 30);
});

Deno.test("tar: pieces of any size give the same", () => {
  const whole = readAll(SAMPLE);
  for (const size of [1, 2, 7, 100, 511, 512, 513, 1024, 1300, 4096]) {
    assertEquals(readAll(SAMPLE, size), whole, `pieces of ${size} bytes`);
  }
});

Deno.test("tar: an archive that ends early is truncated, wherever that is", () => {
  for (let length = 0; length < SAMPLE.length - 1024; length += 97) {
    assertThrows(() => readAll(SAMPLE.slice(0, length)), ArchiveFault, "is truncated");
  }
  // One empty block is an end; what follows the end is nobody's business.
  readAll(SAMPLE.slice(0, -512));
  assertThrows(() => readAll(SAMPLE.slice(0, -513)), ArchiveFault, "is truncated");
  assertThrows(() => readAll(SAMPLE.slice(0, -1)), ArchiveFault, "is truncated");
  assertEquals(readAll(concat([SAMPLE, member({ name: "after" })])).length, 10);
});

Deno.test("tar: where no end mark is asked for, an archive may end with the content of a member", () => {
  const last = member({ name: "last", content: "x".repeat(600) });
  const bytes = concat([SAMPLE.slice(0, -1024), last]);
  const count = readAll(concat([bytes, new Uint8Array(1024)])).length;
  const read = (length: number) => readAll(bytes.slice(0, length), 100, { endMark: false });
  for (const missing of [0, 1, 423, 424]) {
    assertEquals(read(bytes.length - missing).length, count, `${missing} bytes`);
  }
  for (const missing of [425, 1024, 1025, 1500]) {
    assertThrows(() => read(bytes.length - missing), ArchiveFault, "is truncated");
  }
  assertEquals(read(bytes.length - last.length).length, count - 1);
});

Deno.test("tar: what is no archive is told from a broken one", () => {
  const text = new TextEncoder().encode("no archive at all\n".repeat(100));
  assertThrows(() => readAll(concat([text])), ArchiveFault, "holds no tar archive");
  const broken = concat([member({ name: "a" }), text]);
  assertThrows(() => readAll(broken), ArchiveFault, "the checksum of a header is wrong");
  const gap = concat([member({ name: "a" }), new Uint8Array(512), archive([{ name: "b" }])]);
  assertThrows(() => readAll(gap), ArchiveFault, "an empty block in its midst");
});

Deno.test("tar: old and GNU headers", () => {
  const v7 = readAll(archive([
    { name: "old/", format: "v7" },
    { name: "old/file", format: "v7", content: "x" },
  ]));
  assertEquals(v7.map(({ entry }) => entry.type), ["folder", "file"]);
  const nul = header({ name: "f" });
  nul[156] = 0;
  assertEquals(only(archive([sealed(nul)])).entry.type, "file");
  const long = readAll(archive([
    { name: "././@LongLink", type: "L", content: "n".repeat(300) + "\0", format: "gnu" },
    { name: "././@LongLink", type: "K", content: "t".repeat(300) + "\0", format: "gnu" },
    { name: "n", type: "2", linkname: "t", format: "gnu" },
    { name: "next", format: "gnu" },
  ]));
  assertEquals(long.map(({ entry }) => entry.name), ["n".repeat(300), "next"]);
  assertEquals(long[0]!.entry.linkname, "t".repeat(300));
  // GNU tar keeps times and more where ustar has the prefix of a name.
  const times = header({ name: "f", format: "gnu" });
  times.set(new TextEncoder().encode("14537465346\x0014537465346\0"), 345);
  assertEquals(only(archive([sealed(times)])).entry.name, "f");
  // Some old programs summed signed bytes.
  const signed = header({ name: "\u00e9" });
  const sum = [...signed].reduce(
    (sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte < 128 ? byte : byte - 256),
    0,
  );
  signed.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  assertEquals(only(archive([signed])).entry.name, "\u00c3\u00a9");
  signed[148 + 5]! ^= 1;
  assertThrows(() => readAll(archive([signed])), ArchiveFault, "holds no tar archive");
  const label = readAll(archive([{ name: "label", type: "V", format: "gnu" }, { name: "f" }]));
  assertEquals(label.map(({ entry }) => entry.name), ["f"]);
});

Deno.test("tar: numbers in octal digits and in binary", () => {
  const withField = (offset: number, hex: string) => {
    const block = header({ name: "f", format: "gnu" });
    block.set(Uint8Array.fromHex(hex), offset);
    return archive([sealed(block)]);
  };
  assertEquals(only(withField(108, "80000000ffffffff")).entry.uid, 4294967295);
  assertEquals(only(withField(136, "ffffffffffffffffffffffff")).entry.mtime.seconds, -1);
  assertEquals(only(withField(136, "ffffffffffffff00ffffffff")).entry.mtime.seconds, -0xff00000001);
  assertEquals(only(withField(108, "2020203137200000")).entry.uid, 0o17);
  assertEquals(only(withField(108, "0000000000000000")).entry.uid, 0);
  assertEquals(only(withField(108, "3737373737373737")).entry.uid, 0o77777777);
  const fault = "a header has a number that is none";
  for (const uid of ["3838383838383800", "3030303737383200", "303078373720", "2d31202020202020"]) {
    assertThrows(() => readAll(withField(108, uid)), ArchiveFault, fault, uid);
  }
  assertThrows(() => readAll(withField(124, "8000000000ffffffffffffff")), ArchiveFault, fault);
  assertThrows(
    () => readAll(withField(124, "ffffffffffffffffffffff00")),
    ArchiveFault,
    "a member has a negative size",
  );
});

Deno.test("tar: only files have content, whatever size a header gives", () => {
  for (const type of ["1", "2", "3", "4", "5", "6"]) {
    const read = readAll(archive([
      header({ name: "x", type, linkname: "y", size: 4711 }),
      { name: "next", content: "z" },
    ]));
    assertEquals(read.map(({ entry }) => entry.size), [0, 1]);
  }
});

Deno.test("tar: a type that is not known is refused", () => {
  for (const type of ["8", "D", "M", "Z", "\x01"]) {
    const error = assertThrows(() => readAll(archive([{ name: "x", type }])), ArchiveFault);
    assert(error.message.includes("which is not known"), error.message);
  }
});

Deno.test("tar: extended headers: each overrides the header, global ones all that follow", () => {
  const read = readAll(archive([
    { name: "g", type: "g", content: paxRecords({ uid: "7", gid: "8", mtime: "9" }) },
    { name: "a" },
    { name: "b", pax: { gid: "10" } },
    { name: "c", pax: { uid: "" }, uid: 3 },
    { name: "g", type: "g", content: paxRecords({ mtime: "" }) },
    { name: "d", mtime: 5 },
  ]));
  assertEquals(
    read.map(({ entry }) => [entry.uid, entry.gid, entry.mtime.seconds]),
    [[7, 8, 9], [7, 10, 9], [3, 8, 9], [7, 8, 5]],
  );
  const size = only(archive([
    member({ name: "x", type: "x", content: paxRecord("size", "3") }),
    concat([header({ name: "f", size: 0 }), new TextEncoder().encode("abc"), new Uint8Array(509)]),
  ]));
  assertEquals(size.data, [[0, "abc"]]);
});

Deno.test("tar: times of extended headers", () => {
  const timeOf = (mtime: string) => only(archive([{ name: "f", pax: { mtime } }])).entry.mtime;
  assertEquals(timeOf("0"), { seconds: 0, nanoseconds: 0 });
  assertEquals(timeOf("1.5"), { seconds: 1, nanoseconds: 500_000_000 });
  assertEquals(timeOf("1."), { seconds: 1, nanoseconds: 0 });
  assertEquals(timeOf("-0.25"), { seconds: -1, nanoseconds: 750_000_000 });
  assertEquals(timeOf("-3"), { seconds: -3, nanoseconds: 0 });
  assertEquals(timeOf("1.0000000019"), { seconds: 1, nanoseconds: 1 });
  for (const mtime of ["x", "1e9", "-", ".5", "1.5.5", "9".repeat(16), " 1"]) {
    assertThrows(() => timeOf(mtime), ArchiveFault, "a time of change is none", mtime);
  }
});

Deno.test("tar: malformed extended headers are refused", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  for (
    const content of [
      "no length",
      "0 a=b\n",
      "6 a=b",
      "6 a=bc",
      "7 a=b\n",
      "5 a=b\n",
      "6 =bc\n",
      "6 abc\n",
      "-6 a=b\n",
      "99999999999999999999 a=b\n",
      "\n",
      "6 a=b\n6",
    ]
  ) {
    assertThrows(
      () => readAll(archive([{ name: "x", type: "x", content: encode(content) }, { name: "f" }])),
      ArchiveFault,
      "an extended header is malformed",
      content,
    );
  }
  for (const [key, value] of [["uid", "-1"], ["size", "0x10"], ["gid", "1.5"], ["path", "a\0b"]]) {
    const bytes = archive([{ name: "f", pax: { [key!]: value! } }]);
    assertThrows(() => readAll(bytes), ArchiveFault, "malformed");
  }
});

Deno.test("tar: attributes are bytes, their names as GNU tar escapes them", () => {
  const value = Uint8Array.from({ length: 256 }, (_, i) => i);
  const { entry } = only(archive([{
    name: "f",
    pax: { "SCHILY.xattr.user.all": value, "SCHILY.xattr.user.a%3Db%25": "", "other": "x" },
  }]));
  assertEquals([...entry.xattrs], [
    ["user.all", value],
    ["user.a=b%", new Uint8Array(0)],
  ]);
});

Deno.test("tar: maps of sparse files that cannot be are refused", () => {
  const sparse = (map: string, size: string, content: string) =>
    archive([{ name: "s", content, pax: { "GNU.sparse.map": map, "GNU.sparse.size": size } }]);
  assertEquals(only(sparse("0,1,5,0", "5", "x")).entry.size, 5);
  for (
    const [map, size, content] of [
      ["0,1", "0", "x"],
      ["0,2", "2", "x"],
      ["0,1", "1", "xy"],
      ["1,1,0,1", "2", "xy"],
      ["0,1,0,1", "2", "xy"],
      ["0", "1", "x"],
      ["0,-1", "1", "x"],
      ["0,9007199254740993", "9", "x"],
      ["a,1", "1", "x"],
      ["0,1,", "1", "x"],
    ] as const
  ) {
    assertThrows(() => readAll(sparse(map, size, content)), ArchiveFault, "malformed", map);
  }
  const noSize = archive([{ name: "s", content: "x", pax: { "GNU.sparse.map": "0,1" } }]);
  const noRealSize = archive([{
    name: "s",
    content: "0\n".padEnd(512, "\0"),
    pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s" },
  }]);
  assertThrows(() => readAll(noRealSize), ArchiveFault, "malformed");
  assertThrows(() => readAll(noSize), ArchiveFault, "malformed");
});

Deno.test("tar: whatever bytes are changed, an archive is read or refused, and never both wrong", () => {
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = SAMPLE.slice();
    for (let change = 0; change <= random(4); change++) {
      const block = random(bytes.length / 512) * 512;
      const at = block + random(512);
      bytes[at] = random(256);
      // Half of them with a checksum that fits, so that the change gets further.
      if (random(2) === 0) bytes.set(sealed(bytes.slice(block, block + 512)), block);
    }
    try {
      readAll(bytes, 1 + random(2000));
    } catch (error) {
      assert(error instanceof ArchiveFault, `${error}`);
      refused++;
    }
  }
  assert(refused > 1000 && refused < 3000, `${refused} refused`);
});

Deno.test("byte strings keep every byte; in messages they do no harm", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assertEquals(toCString(toByteString(bytes)), Uint8Array.from([...bytes, 0]));
  assertEquals(quoteName(toByteString(new TextEncoder().encode("grün"))), '"grün"');
  assertEquals(quoteName("\xff"), '"\ufffd"');
  assertEquals(quoteName('a\x1b[2J\x7f"\\\n'), '"a\\u001b[2J\\u007f\\"\\\\\\n"');
  assertEquals(
    quoteName(toByteString(new TextEncoder().encode("\u202e\u2066\u009b"))),
    '"\\u202e\\u2066\\u009b"',
  );
  assertEquals(quoteName("x".repeat(5000)).length, 203);
});
