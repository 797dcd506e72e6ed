import { cstring } from "../../../ffi/cstring.ts";
import { alloc } from "../../../ffi/struct.ts";

/** A piece of data, by its place from the start of all data on. */
export interface Place {
  readonly data: number;
}

/** What the code of a launcher refers to. Every piece begins at a multiple of eight bytes. */
export class Data {
  readonly #pieces: { at: number; bytes: Uint8Array }[] = [];
  readonly #addresses: { at: number; of: Place }[] = [];
  #length = 0;

  /** Adds bytes as they are. */
  add(bytes: Uint8Array): Place {
    const at = this.#length;
    this.#pieces.push({ at, bytes });
    this.#length += Math.ceil(bytes.length / 8) * 8;
    return { data: at };
  }

  /** Adds a string with its closing NUL. */
  text(text: string): Place {
    return this.add(cstring(text));
  }

  /** Adds a struct in which the address of something stands `offset` bytes from its start. */
  pointing(bytes: Uint8Array, offset: number, of: Place): Place {
    const place = this.add(bytes);
    this.#addresses.push({ at: place.data + offset, of });
    return place;
  }

  /** Adds a NULL-terminated array of strings, as execve(2) takes it. */
  strings(texts: readonly string[]): Place {
    const places = texts.map((text) => this.text(text));
    const table = this.add(alloc(8 * (texts.length + 1)));
    places.forEach((of, i) => this.#addresses.push({ at: table.data + 8 * i, of }));
    return table;
  }

  /** All of it, as it is when it lies at `address`. */
  encode(address: number): Uint8Array<ArrayBuffer> {
    const all = alloc(this.#length);
    for (const { at, bytes } of this.#pieces) all.set(bytes, at);
    const view = new DataView(all.buffer);
    for (const { at, of } of this.#addresses) {
      view.setBigUint64(at, BigInt(address + of.data), true);
    }
    return all;
  }
}
