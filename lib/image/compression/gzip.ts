import { createGunzip, createGzip } from "node:zlib";
import { ArchiveFault } from "../fault.ts";
import { release } from "../pieces.ts";
import { brokenData, ownBytes } from "./decompress.ts";

/** Each piece by itself, one at a time: streams of bytes join those that wait, in memory of more of their own. */
const PIECEWISE = { chunkSize: 256 * 1024, readableObjectMode: true, readableHighWaterMark: 1 };

/**
 * Undoes gzip, also of several members one after another, as parallel compressors write it (RFC 1952).
 *
 * @param taken is told of what was read, up to the end of the last member: zeros behind that count for nothing
 */
export async function* gunzip(
  compressed: Iterable<Uint8Array<ArrayBuffer>>,
  taken: (bytes: Uint8Array<ArrayBuffer>) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stream = createGunzip(PIECEWISE);
  const feeding = feed(stream, compressed, taken);
  try {
    for await (const piece of stream) {
      const bytes = ownBytes(piece);
      yield bytes;
      release(bytes);
    }
  } catch (error) {
    if (error instanceof Error && error.message === "unexpected end of file") {
      throw new ArchiveFault("is truncated", { cause: error });
    }
    throw error instanceof Error && "code" in error && String(error.code).startsWith("Z_")
      ? brokenData(error)
      : error;
  } finally {
    stream.destroy();
    await feeding;
  }
}

/** Compresses by gzip: the same bytes for the same content, without time or name. Each piece lasts until the next one. */
export async function* gzip(
  content: Iterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stream = createGzip(PIECEWISE);
  const feeding = feed(stream, content);
  try {
    for await (const piece of stream) {
      const bytes = ownBytes(piece);
      yield bytes;
      release(bytes);
    }
  } finally {
    stream.destroy();
    await feeding;
  }
}

/** A stream of node:zlib. */
type Transform = ReturnType<typeof createGunzip | typeof createGzip>;

/** Writes everything into the stream, each piece when the one before is worked off; fails as reading does. */
async function feed(
  stream: Transform,
  content: Iterable<Uint8Array<ArrayBuffer>>,
  taken: (bytes: Uint8Array<ArrayBuffer>) => void = () => {},
): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  try {
    for (const piece of content) {
      if (stream.destroyed) return;
      const before = stream.bytesWritten;
      const done = new Promise<void>((resolve) => stream.write(piece, () => resolve()));
      await Promise.race([done, closed]);
      taken(piece.subarray(0, stream.bytesWritten - before));
    }
    stream.end();
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
