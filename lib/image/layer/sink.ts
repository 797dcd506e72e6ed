import type { ByteString } from "../tar/bytes.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { TarSink } from "../tar/reader.ts";
import type { TreeWriter } from "../tree/writer.ts";
import { whiteoutOf } from "./whiteout.ts";

/**
 * Takes the members of a layer: those that stand for what is gone of the layers below are told to the
 * writer as such, the others are written. Names may begin with a slash, which means the image's root.
 */
export class LayerSink implements TarSink {
  readonly #writer: TreeWriter;
  #isFile = false;

  /** @param writer of the layer's folder; it stays the caller's */
  constructor(writer: TreeWriter) {
    this.#writer = writer;
  }

  entry(entry: TarEntry): void {
    const whiteout = whiteoutOf(entry.name);
    this.#isFile = whiteout === undefined;
    switch (whiteout?.kind) {
      case undefined:
        return this.#writer.entry(relative(entry));
      case "hide":
        return this.#writer.hide(whiteout.path, entry);
      case "hide contents":
        return this.#writer.hideContents(whiteout.path, entry);
    }
  }

  data(bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    if (this.#isFile) this.#writer.data(bytes, offset);
  }

  end(): void {
    if (this.#isFile) this.#writer.end();
  }
}

function relative(entry: TarEntry): TarEntry {
  const { name, type, linkname } = entry;
  const target = type === "hard link" ? belowRoot(linkname) : linkname;
  const own = belowRoot(name);
  return own === name && target === linkname ? entry : { ...entry, name: own, linkname: target };
}

function belowRoot(path: ByteString): ByteString {
  return path.startsWith("/") ? `.${path}` : path;
}
