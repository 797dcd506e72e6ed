import { cstring } from "../../../ffi/cstring.ts";
import { alloc } from "../../../ffi/struct.ts";

/** What the table of a launcher refers to, by addresses. Every piece begins at a multiple of eight bytes. */
export class Data {
  readonly #pieces: { at: number; bytes: Uint8Array }[] = [];
  readonly #start: number;
  #length = 0;

  /** @param start its address, a multiple of eight below 4 GiB. */
  constructor(start: number) {
    this.#start = start;
  }

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes as they are, and returns their address. */
  add(bytes: Uint8Array): number {
    const at = this.#length;
    this.#pieces.push({ at, bytes });
    this.#length += Math.ceil(bytes.length / 8) * 8;
    return this.#start + at;
  }

  /** Adds a string with its closing NUL. */
  text(text: string): number {
    return this.add(cstring(text));
  }

  /** Adds a NULL-terminated array of strings, as execve(2) takes it. */
  strings(texts: readonly string[]): number {
    const table = alloc(8 * (texts.length + 1));
    const addresses = new BigUint64Array(table.buffer);
    texts.forEach((text, i) => addresses[i] = BigInt(this.text(text)));
    return this.add(table);
  }

  /** Puts all of it where it belongs. */
  copyTo(image: Uint8Array, offset: number): void {
    for (const { at, bytes } of this.#pieces) image.set(bytes, offset + at);
  }
}
