import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import {
  algorithmOf,
  digestOf,
  hashOf,
  isDigest,
  parseDigest,
  Verifier,
} from "../../../lib/image/digest.ts";

const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ABC_512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("digests that are read", () => {
  const unknown = ["blake3:abc", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"];
  for (const text of [EMPTY, ABC_512, ...unknown]) {
    assertEquals(parseDigest(text), text);
    assertEquals(isDigest(text), true);
  }
  assertEquals(algorithmOf(parseDigest(EMPTY)), "sha256");
  assertEquals(hashOf(parseDigest(EMPTY)), EMPTY.slice(7));
});

Deno.test("digests that would be paths, or are none, are refused", () => {
  const refused = [
    "",
    ":",
    "sha256",
    "sha256:",
    ":abc",
    "sha256:../../../etc/passwd",
    "sha256:" + "../".repeat(21) + "x",
    "../x:abc",
    "sha256:" + "A".repeat(64),
    "SHA256:" + "a".repeat(64),
    "sha256:" + "a".repeat(63),
    "sha256:" + "a".repeat(65),
    "sha256:" + "g".repeat(64),
    "sha512:" + "a".repeat(64),
    "sha256:" + "a".repeat(64) + "\n",
    " sha256:" + "a".repeat(64),
    "sha256:" + "a".repeat(63) + "\0",
    "md5:a/b",
    "md5:..",
    "a..b:abc",
    "x:" + "a".repeat(300),
  ];
  for (const text of refused) {
    assertEquals(isDigest(text), false, text);
    const error = assertThrows(() => parseDigest(text), ContainerError, "read the digest ");
    assertEquals(error.code, "InvalidArgument");
  }
});

Deno.test("names of an object's own members are no algorithms that can be verified by", () => {
  const digest = parseDigest("constructor:abc");
  const error = assertThrows(() => new Verifier(digest), ContainerError);
  assertEquals(error.code, "Unsupported");
});

Deno.test("digests that are computed", () => {
  assertEquals(digestOf(bytes("")), EMPTY);
  assertEquals(digestOf(bytes("abc")), ABC);
  const verifier = new Verifier(parseDigest(ABC_512));
  verifier.update(bytes("a"));
  verifier.update(bytes("bc"));
  verifier.assert(parseDigest(ABC_512));
});

Deno.test("other content than the one named", () => {
  const verifier = new Verifier();
  verifier.update(bytes("abd"));
  const error = assertThrows(() => verifier.assert(parseDigest(ABC)), ContainerError);
  assertEquals(error.code, "InvalidArchive");
  assertEquals(
    error.message,
    `verify "${ABC}": the content is another, ${digestOf(bytes("abd"))}`,
  );
});

Deno.test("content named by an algorithm that is not known is never taken for verified", () => {
  const digest = parseDigest(
    "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
  );
  assertThrows(() => new Verifier(digest), ContainerError, '"blake3" is not known');
});
