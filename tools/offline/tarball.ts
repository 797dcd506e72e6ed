/** Reading the few kinds of entries that npm tarballs have: regular files in ustar format. */

const BLOCK = 512;

/** One regular file of a tarball; its bytes are read with {@link TarFile.copyTo} or skipped. */
export interface TarFile {
  /** Path as stored, for example `package/esm/mod.js`. */
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  /** Hands the file's bytes to `sink`, piece by piece, in order. */
  copyTo(sink: (piece: Uint8Array) => void): Promise<void>;
}

/**
 * Goes through the regular files of a gzipped tarball in order (pax(1), "ustar Interchange
 * Format"). A file that the caller does not copy is skipped. Long names by pax headers do not occur
 * in the pinned packages; such headers are passed over.
 */
export async function* filesOf(tarball: Uint8Array<ArrayBuffer>): AsyncGenerator<TarFile> {
  const reader = new BlockReader(
    new Blob([tarball]).stream().pipeThrough(new DecompressionStream("gzip")),
  );
  while (true) {
    const header = await reader.exactly(BLOCK);
    if (header === undefined || header[0] === 0) return;
    const size = Number.parseInt(textOf(header, 124, 12), 8);
    const kind = String.fromCharCode(header[156] ?? 0);
    const prefix = textOf(header, 345, 155);
    const name = textOf(header, 0, 100);
    let left = size;
    if (kind === "0" || kind === "\0") {
      yield {
        path: prefix === "" ? name : `${prefix}/${name}`,
        size,
        copyTo: async (sink) => {
          while (left > 0) left -= await reader.some(left, sink);
        },
      };
    }
    const padding = (BLOCK - size % BLOCK) % BLOCK;
    left += padding;
    while (left > 0) left -= await reader.some(left, () => {});
  }
}

function textOf(header: Uint8Array, start: number, length: number): string {
  return new TextDecoder().decode(header.subarray(start, start + length)).replace(/\0.*$/s, "");
}

/** Reads a stream in pieces of wanted lengths. */
class BlockReader {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Hands at most `limit` bytes to `sink`; returns how many. */
  async some(limit: number, sink: (piece: Uint8Array) => void): Promise<number> {
    if (this.#rest.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("the tarball ends in the middle of a file");
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(piece.length);
    if (piece.length > 0) sink(piece);
    return piece.length;
  }

  /** Exactly `length` bytes, or undefined when the stream ends before the first of them. */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      try {
        await this.some(length - filled, (piece) => {
          whole.set(piece, filled);
          filled += piece.length;
        });
      } catch (error) {
        if (filled === 0) return undefined;
        throw error;
      }
    }
    return whole;
  }
}
