import { ArchiveFault } from "../../fault.ts";

/** Bytes that come in pieces, read as they are needed. */
export class Input {
  readonly #pieces: Iterator<Uint8Array<ArrayBuffer>>;
  #piece = new Uint8Array(0);
  #at = 0;
  #consumed = 0;

  constructor(pieces: Iterable<Uint8Array<ArrayBuffer>>) {
    this.#pieces = pieces[Symbol.iterator]();
  }

  /** How many bytes have been read. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Whether there is nothing more. */
  atEnd(): boolean {
    while (this.#at === this.#piece.length) {
      const { value, done } = this.#pieces.next();
      if (done) return true;
      this.#piece = value;
      this.#at = 0;
    }
    return false;
  }

  /**
   * The next byte.
   *
   * @throws {ArchiveFault} at the end
   */
  byte(): number {
    if (this.atEnd()) throw new ArchiveFault("is truncated");
    this.#consumed++;
    return this.#piece[this.#at++]!;
  }

  /** The next byte, which stays; there must be one, see {@link atEnd}. */
  peek(): number {
    return this.#piece[this.#at]!;
  }

  /**
   * The next bytes, a copy.
   *
   * @throws {ArchiveFault} when there are fewer
   */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      if (this.atEnd()) throw new ArchiveFault("is truncated");
      const part = this.#piece.subarray(this.#at, this.#at + count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#at += part.length;
      this.#consumed += part.length;
    }
    return bytes;
  }
}
