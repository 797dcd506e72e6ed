import { read } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";

/** Bytes that are read at a time. */
const PIECE = 256 * 1024;

/** What is left of an open file, a pipe or whatever can be read, in pieces that are the receiver's own. */
export function* piecesOf(fd: number): Generator<Uint8Array<ArrayBuffer>> {
  for (;;) {
    const piece = read(fd, alloc(PIECE));
    if (piece.length === 0) return;
    yield piece;
  }
}

/** The next bytes of an open file, fewer than `size` only at its end. */
export function readUpTo(fd: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(size);
  let length = 0;
  while (length < size) {
    const piece = read(fd, bytes.subarray(length));
    if (piece.length === 0) break;
    length += piece.length;
  }
  return bytes.subarray(0, length);
}
