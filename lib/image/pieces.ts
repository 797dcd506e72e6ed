import { read } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";

/** Bytes that are read at a time. */
const PIECE = 256 * 1024;

/** What is left of an open file, a pipe or whatever can be read, in pieces; each lasts until the next one. */
export function* piecesOf(fd: number): Generator<Uint8Array<ArrayBuffer>> {
  let last: Uint8Array<ArrayBuffer> | undefined;
  for (;;) {
    const piece = read(fd, alloc(PIECE));
    if (piece.length === 0) return;
    // A pipe gives less than there is room for, so that the piece does not end where its buffer does.
    last?.buffer.transfer(0);
    last = piece;
    yield piece;
  }
}

/**
 * Gives back the memory of a piece that is worked off, where nothing comes after it in its buffer. The
 * collector would be long in coming: what lies outside its heap weighs little to it.
 */
export function release(piece: Uint8Array<ArrayBuffer>): void {
  if (piece.byteOffset + piece.length === piece.buffer.byteLength) piece.buffer.transfer(0);
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
