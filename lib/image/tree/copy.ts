import { copyFileRange, lseek, read, SEEK_SET, writeAll } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import type { TarEntry } from "../tar/entry.ts";

/** Bytes that are read at a time where the kernel does not copy by itself. */
const PIECE = 256 * 1024;

/**
 * Copies the content of a file to an empty one, its holes left out.
 *
 * @param entry the file as a member: how large it is, and where it has data
 */
export function copyContent(from: number, to: number, { size, sparse }: TarEntry): void {
  for (const { offset, length } of sparse ?? [{ offset: 0, length: size }]) {
    if (sparse !== undefined) {
      lseek(from, offset, SEEK_SET);
      lseek(to, offset, SEEK_SET);
    }
    for (let left = length; left > 0;) {
      const count = copyFileRange(from, to, left) ?? copyPiece(from, to, left);
      if (count === 0) break;
      left -= count;
    }
  }
}

function copyPiece(from: number, to: number, length: number): number {
  const piece = read(from, alloc(Math.min(length, PIECE)));
  writeAll(to, piece);
  return piece.length;
}
