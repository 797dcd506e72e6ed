import { ArchiveFault } from "../fault.ts";
import { withBeginning } from "../pieces.ts";
import { type Compression, compressionOf, MAGIC_LENGTH } from "./kind.ts";

/** Bytes in pieces, each of which lasts until the next one. */
export type Pieces = Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>;

/**
 * Undoes a compression piece by piece: what is kept in memory does not grow with the archive, nor
 * with what it unpacks to. The decoders are loaded when they are needed.
 *
 * @param taken is told of what was read, in its order, without the zeros that fill up a tape behind gzip's end
 * @throws {ArchiveFault} while it is read, when the data is broken or ends early
 */
export async function decompress(
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
  compression: Compression,
  taken: (bytes: Uint8Array<ArrayBuffer>) => void = () => {},
): Promise<Pieces> {
  switch (compression) {
    case "none":
      return told(compressed, taken);
    case "gzip":
      return (await import("./gzip.ts")).gunzip(compressed, taken);
    case "xz":
      return (await import("./xz.ts")).unxz(told(compressed, taken));
    case "zstd":
      return await (await import("./zstd.ts")).unzstd(told(compressed, taken));
  }
}

function* told(
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  taken: (bytes: Uint8Array<ArrayBuffer>) => void,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const piece of pieces) {
    taken(piece);
    yield piece;
  }
}

/**
 * Undoes the compression that the first bytes tell of.
 *
 * @param options.mayBeEmpty whether no bytes at all are an archive, of nothing
 * @throws {ArchiveFault} now or while it is read, when it is of another kind or broken
 */
export async function unpack(
  archive: Iterable<Uint8Array<ArrayBuffer>>,
  options: { mayBeEmpty?: boolean } = {},
): Promise<Pieces> {
  const pieces = withBeginning(MAGIC_LENGTH, archive);
  const first = pieces.next().value ?? new Uint8Array(0);
  if (first.length === 0 && options.mayBeEmpty) return [];
  const all = function* () {
    yield first;
    for (let next = pieces.next(); !next.done; next = pieces.next()) yield next.value;
  };
  return await decompress(all(), compressionOf(first.subarray(0, MAGIC_LENGTH)));
}

/** A piece whose memory is an ArrayBuffer, as file descriptors take it. */
export function ownBytes(piece: Uint8Array): Uint8Array<ArrayBuffer> {
  return piece.buffer instanceof ArrayBuffer
    ? new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
    : new Uint8Array(piece);
}

/** The fault that a decoder's error tells of; errors of the file system stay what they are. */
export function brokenData(error: unknown): ArchiveFault {
  const detail = error instanceof Error ? error.message : String(error);
  return new ArchiveFault(`is broken: ${detail}`, { cause: error });
}
