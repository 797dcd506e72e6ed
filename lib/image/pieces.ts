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
 * The same pieces, but that the first one has at least `size` bytes, unless there are no more: a pipe may give the
 * first few alone.
 */
export function* withBeginning(
  size: number,
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
): Generator<Uint8Array<ArrayBuffer>> {
  let first: Uint8Array<ArrayBuffer> | undefined = new Uint8Array(0);
  for (const piece of pieces) {
    if (first === undefined) yield piece;
    else {
      first = joined(first, piece);
      if (first.length < size) continue;
      yield first;
      first = undefined;
    }
  }
  if (first !== undefined && first.length > 0) yield first;
}

/** Both in a buffer of their own. */
export function joined(
  before: Uint8Array<ArrayBuffer>,
  after: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const bytes = alloc(before.length + after.length);
  bytes.set(before);
  bytes.set(after, before.length);
  return bytes;
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
