import { crc32 as crc32Of, gzipSync } from "node:zlib";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decompress, unpack } from "../../../lib/image/compression/decompress.ts";
import { type Compression, compressionOf } from "../../../lib/image/compression/kind.ts";
import { ArchiveFault } from "../../../lib/image/fault.ts";
import { concat } from "./tar_builder.ts";

/** `hello\n` 1,000 times. */
const TEXT = "hello\n".repeat(1000);

/** The same, compressed by gzip -9n, xz and zstd. */
const SAMPLES: Readonly<Record<Exclude<Compression, "none">, string>> = {
  gzip: "H4sIAAAAAAACA+3EoQ0AAAgDMM+fJIgl/O84AtuKTidbY9u2bdu2bdu2Hx86ItRPcBcAAA==",
  xz:
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4BdvACddADQZSe6N3V3x8PcXRFCFYsMIgtxhE2Az4ZG1aVMlHrpxT6vr+2SMAAAA3KIPXDe4JDgAAUPwLgAAAE8kQEKxxGf7AgAAAAAEWVo=",
  zstd: "KLUv/QRYdQAAMGhlbGxvCgEAZ5e+FAFWdJVH",
};

function sample(compression: keyof typeof SAMPLES): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(SAMPLES[compression]);
}

/** Undoes the compression of bytes that come in pieces of a size. */
async function undo(
  bytes: Uint8Array<ArrayBuffer>,
  compression: Compression,
  size = bytes.length,
): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  const out: Uint8Array[] = [];
  for await (const piece of await decompress(pieces, compression)) out.push(piece.slice());
  return new TextDecoder().decode(concat(out));
}

for (const compression of ["gzip", "xz", "zstd"] as const) {
  Deno.test(`${compression} is told by its content and undone`, async () => {
    const bytes = sample(compression);
    assertEquals(compressionOf(bytes), compression);
    assertEquals(await undo(bytes, compression), TEXT);
    for (const size of [1, 7, 50]) assertEquals(await undo(bytes, compression, size), TEXT);
  });

  Deno.test(`${compression} is told where the first bytes come one by one, as from a pipe`, async () => {
    const out: Uint8Array[] = [];
    const pieces = Array.from(sample(compression), (byte) => Uint8Array.of(byte));
    for await (const piece of await unpack(pieces)) out.push(piece.slice());
    assertEquals(new TextDecoder().decode(concat(out)), TEXT);
  });

  Deno.test(`${compression} of several parts is one`, async () => {
    const bytes = concat([sample(compression), sample(compression)]);
    assertEquals(await undo(bytes, compression), TEXT + TEXT);
  });

  Deno.test(`${compression} that is truncated or broken is refused`, async () => {
    const bytes = sample(compression);
    for (const length of [bytes.length - 1, bytes.length >> 1]) {
      await assertRejects(
        () => undo(bytes.slice(0, length), compression),
        ArchiveFault,
        "is truncated",
        `${length} of ${bytes.length} bytes`,
      );
    }
    let broken = 0;
    for (let at = 8; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 0x21;
      try {
        if (await undo(changed, compression) !== TEXT) throw new Error(`byte ${at} went unnoticed`);
      } catch (error) {
        if (!(error instanceof ArchiveFault)) throw error;
        broken++;
      }
    }
    if (broken === 0) throw new Error("nothing was noticed");
  });

  Deno.test(`${compression}: an error of who reads comes through, and stopping early is fine`, async () => {
    const failing = function* (): Generator<Uint8Array<ArrayBuffer>> {
      yield sample(compression).slice(0, 20);
      throw new TypeError("the disk is gone");
    };
    const drain = async () => {
      for await (const _ of await decompress(failing(), compression));
    };
    await assertRejects(drain, TypeError, "the disk is gone");
    for await (const _ of await decompress([sample(compression)], compression)) break;
  });
}

Deno.test("gzip: zeros behind its end are none of it", async () => {
  const text = crypto.getRandomValues(new Uint8Array(60_000));
  const parts = [new Uint8Array(gzipSync(text)), sample("gzip")];
  const bytes = concat(parts);
  const padding = new Uint8Array(700);
  for (const size of [1, 7, bytes.length - 1, bytes.length, bytes.length + 1, 100_000]) {
    const padded = concat([bytes, padding]);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < padded.length; at += size) pieces.push(padded.slice(at, at + size));
    const [out, taken]: [Uint8Array[], Uint8Array[]] = [[], []];
    const keep = (piece: Uint8Array) => taken.push(piece.slice());
    for await (const piece of await decompress(pieces, "gzip", keep)) out.push(piece.slice());
    assertEquals(concat(out), concat([text, new TextEncoder().encode(TEXT)]), `${size}`);
    assertEquals(concat(taken), bytes, `${size}`);
  }
});

Deno.test("what cannot be read is named", () => {
  const kinds: Record<string, string> = {
    "BZh91AY": "a bzip2 archive",
    "PK\x03\x04\x14": "a zip archive",
    "7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    "\x04\x22\x4d\x18": "an lz4 archive",
    "hsqs": "a squashfs image",
    "070701": "a cpio archive",
    "!<arch>\ndebian": "a Debian package or ar archive",
    "\x7fELF": "a program",
  };
  for (const [magic, name] of Object.entries(kinds)) {
    const bytes = Uint8Array.from(magic, (character) => character.charCodeAt(0));
    assertThrows(() => compressionOf(bytes), ArchiveFault, `is ${name}, which cannot be read`);
  }
  assertThrows(() => compressionOf(new Uint8Array(0)), ArchiveFault, "is empty");
  assertEquals(compressionOf(new TextEncoder().encode("etc/passwd\0\0\0\0\0\0")), "none");
  assertEquals(compressionOf(Uint8Array.fromHex("5e2a4d1800000000")), "zstd");
});

/** `line N of some text\n` for N from 0 to 189 and again, 160,000 lines, by xz with a dictionary of 4 KiB. */
const SMALL_DICTIONARY = Uint8Array.fromBase64(
  "/Td6WFoAAATm1rRGAgAhAQAAAAA3J5fW//75AwDQADYaScZRAMBAbzPGIb+jivEMIoHarbiime7U51Gf8iLywKO4tQ" +
    "yQS9iHDr86wG+shbUiajjCNzvUQgzmOkWNt2sc2ZUFJAcjRcOTYmQHiQFIAvZxIy8LayR3aHpfBvCJ4SWblbPnTi+I" +
    "CwlEsrLGWWC7JYfdwrxcDFO4wqYyou4hpYD1zYTz42g7ixBEFhcFeUi3Bci+IxGWx/VJ5dvrzwCeFgdRhvq6qK7m30" +
    "o97DwPFqooBx2g5ZV+cT+gDmjL4CPMfTGjYjCQNRUF6c7I+veeUPGoP7AE8ZWULwpB5d94dpNqMAlOxLJPnfe1mZub" +
    "ET1IWFpeHPgiddU4Tx5lPUC3gmlhzI9qJ8QvGrWCymVEj7qGCxPz4p6JYEsViFvThwCkRFzcsRBprjz1IHkzSJy7eD" +
    "a7Ff2v54A1GQHGcr8YwXRe2VKJhzylDoDOXOtHS4yrpafaY2AktUf7g39fAydbbrmbatvuAbkLmetnH+zlZr6yYyem" +
    "uDXzjh72hZM9S15T8Vs7uiDBbfKHCuXnUVaGARYB8pf4z4c5N8zJpo652Jv0SPZayljB8qoFZjlTQl8ka5hiMnHgyz" +
    "4MAyVD0TJ3OPLpUpPlQrOKMu50vs+gkAvdF1jk/LGof9+nGMCNUXgiHReDRCJ4slj0WClCfkQckYHEtzMqNzB0GqS1" +
    "09s6WMRb6cBf3vWG7se2VeJWiM7DbU8l/uNafAehjpMZaY2/9xk4z5KWPZGZNGwDRRkTg4qd7ZOh1W2S1I7aZuFO6j" +
    "2ZSRYrlflH+k7nUuKSBlYZnkSe4tLkRvZU8Ih1LDDbwlBUkSKXBgNfyXA7FMAyN5ilFQGl6KMJKuyq/1omrHIMFpKn" +
    "vjmPJOFwnqcjX+woy4XRlZiKfiqR8id19xnABphNmP3Yr9WQD8QlU/j1kTYxBaWw7m/BcE1HDNGREaqtYB26zrEnGF" +
    "xZhulmUli+6XasWeTlWwUI+cfarfz7Uit0zR5bIEL53VM9+ClkCTuAyyps37U78MS9Ll+p9JgaU5RNGwDBAOxzU6f9" +
    "vq58MRqft40xbnCepyNf7CjLhdGVmIp+KpHyJ3X3GcAGmE2Y/div1ZAPxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHb" +
    "rOsScYXFmG6WZSWL7pdqxZ5OVbBQj5x9qt/PtSK3TNHlsgQvndUz34KWQJO4DLKmzftTvwxL0uX6oPPktmQpATDv8Q" +
    "k/hxeFn4C83/lShGD6n8fN77mjAuVsCPhfODgcBlxCVT+PWRNjEFpbDub8FwTUcHOt88VwAAABItTYgj/MyFAAHjB5" +
    "aY0QEZ8qplscRn+wIAAAAABFla",
);

Deno.test("xz: a dictionary smaller than what was unpacked is moved along", async () => {
  const text = Array.from({ length: 160_000 }, (_, i) => `line ${i % 190} of some text\n`).join("");
  assertEquals(await undo(SMALL_DICTIONARY, "xz", 100) === text, true);
});

Deno.test("xz: filters and dictionaries that are not undone are named", async () => {
  const header = sample("xz").slice();
  // A block's header is 12 bytes into the file: its size, its flags, the filter, ….
  const withHeader = (hex: string) => {
    const block = Uint8Array.fromHex(hex);
    header.set(block, 12);
    header.set(crc32(block), 12 + block.length);
    return header;
  };
  await assertRejects(
    () => undo(withHeader("0200040021010600"), "xz"),
    ArchiveFault,
    "has a filter or checksum of xz that is not known here",
  );
  await assertRejects(
    () => undo(withHeader("020021011d000000"), "xz"),
    ArchiveFault,
    "needs more than 64 MiB to be undone",
  );
});

/** CRC-32 as it stands in a file. */
function crc32(bytes: Uint8Array): Uint8Array {
  const checksum = new Uint8Array(4);
  new DataView(checksum.buffer).setUint32(0, crc32Of(bytes), true);
  return checksum;
}

Deno.test("zstd: frames to be skipped and frames without content take no harm", async () => {
  const skipped = Uint8Array.fromHex("502a4d1800000000");
  const empty = Uint8Array.fromHex("28b52ffd2000010000");
  const many = Array.from({ length: 5000 }, () => [skipped, empty]).flat();
  assertEquals(await undo(concat([...many, sample("zstd"), ...many]), "zstd"), TEXT);
});
