import { assertEquals } from "@std/assert";
import { fromCString, utf8 } from "../../../ffi/cstring.ts";

Deno.test("bytes become the text that a TextDecoder makes of them, whatever they are", () => {
  const decoder = new TextDecoder();
  const texts = [
    "",
    "a",
    "\0\0a\0\0",
    "\u00e9\u4e16\ud83d\ude00",
    "\ufeffmark",
    "a\0b",
    "\0",
    "x".repeat(5000),
  ];
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    assertEquals(utf8(bytes), decoder.decode(bytes));
  }
  // Broken in all ways: cut short, overlong, surrogates, what no text has.
  let seed = 1;
  const next = () => seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
  const alphabet = [0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xa9, 0xe0, 0xed, 0xef, 0xbb, 0xf0, 0x9f, 0xf4];
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from(
      { length: next() % 9 },
      () => alphabet[(next() >>> 8) % alphabet.length],
    );
    assertEquals(utf8(bytes), decoder.decode(bytes), bytes.toString());
  }
});

Deno.test("the text of a string of C ends before its NUL", () => {
  assertEquals(fromCString(new TextEncoder().encode("one\0two")), "one");
  assertEquals(fromCString(new TextEncoder().encode("one")), "one");
});
