import { assertEquals } from "@std/assert";
import { close, writeAll } from "../../../ffi/file.ts";
import { socketpair } from "../../../ffi/socket.ts";
import { piecesOf } from "../../../lib/image/pieces.ts";

Deno.test("the memory of each piece is given back with the next one, also where few bytes come at a time", () => {
  const [reading, writing] = socketpair();
  const seen: Uint8Array[] = [];
  const lengths: number[] = [];
  writeAll(writing, new Uint8Array(1000));
  for (const piece of piecesOf(reading)) {
    seen.push(piece);
    lengths.push(piece.length);
    if (seen.length < 3) writeAll(writing, new Uint8Array(1000));
    else if (seen.length === 3) close(writing);
  }
  close(reading);
  assertEquals(lengths, [1000, 1000, 1000]);
  assertEquals(seen.map(({ buffer }) => buffer.byteLength > 0), [false, false, true]);
});
