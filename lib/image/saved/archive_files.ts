import { utf8 } from "../../../ffi/cstring.ts";
import { getrlimit, setrlimit } from "../../../ffi/process.ts";
import { TOO_MANY_FILES } from "../../errors.ts";
import { RLIMITS } from "../../oci/rlimits.ts";
import { counted } from "../../count.ts";
import { Budget } from "../budget.ts";
import { unpack } from "../compression/decompress.ts";
import { MAGIC_LENGTH } from "../compression/kind.ts";
import type { Descriptor } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { ArchiveFault } from "../fault.ts";
import { joined } from "../pieces.ts";
import { BlobWriter } from "../store/blob_writer.ts";
import type { ImageStore } from "../store/store.ts";
import { type ByteString, quoteName, toCString } from "../tar/bytes.ts";
import type { TarEntry } from "../tar/entry.ts";
import { TarReader, type TarSink } from "../tar/reader.ts";
import { hostile, join, placeOf } from "../tree/place.ts";
import type { SavedFiles } from "./files.ts";

/** Files up to this size are kept in memory, as long as all of them together do not take more than that, in bytes. */
const SMALL = 1024 * 1024;
const ALL_SMALL = 32 * 1024 * 1024;

/** The most large files, where this process may have so many open: the layers of a good many images. */
const LARGE_LIMIT = 10_000;

/** Files that are open besides, where that leaves the greater part. */
const OPEN_BESIDES = 100;

/** How many links may lead to each other. */
const LINK_LIMIT = 8;

/** A file of an archive: its bytes, or where they were written. */
type Kept = Uint8Array<ArrayBuffer> | {
  readonly blob: BlobWriter;
  beginning: Uint8Array<ArrayBuffer>;
};

/**
 * The files of an archive that is read once, from its beginning to its end, as standard input can be:
 * what they are good for often is said only at the end. What is large is written where blobs go.
 */
export class ArchiveFiles implements SavedFiles, TarSink {
  readonly #store: ImageStore;
  readonly #budget: Budget;
  readonly #files = new Map<string, Kept>();
  readonly #links = new Map<string, string>();
  #entry: TarEntry | undefined;
  #path = "";
  #filled = 0;
  #small = 0;
  #large = 0;
  /** How many large files there may be. */
  readonly #room = roomIn(raiseOpenFiles());

  private constructor(store: ImageStore) {
    this.#store = store;
    this.#budget = new Budget(store.root);
  }

  /**
   * Reads an archive, compressed in whatever way.
   *
   * @throws {ArchiveFault} when it is broken or hostile
   */
  static async read(
    store: ImageStore,
    archive: Iterable<Uint8Array<ArrayBuffer>>,
  ): Promise<ArchiveFiles> {
    const files = new ArchiveFiles(store);
    try {
      const reader = new TarReader(files);
      let compressed = 0;
      let unpacked = 0;
      const read = function* () {
        for (const piece of archive) {
          compressed += piece.length;
          yield piece;
        }
      };
      for await (const piece of await unpack(read())) {
        unpacked += piece.length;
        files.#budget.compare(unpacked, compressed);
        reader.push(piece);
      }
      reader.finish();
      return files;
    } catch (error) {
      files[Symbol.dispose]();
      throw error;
    }
  }

  entry(entry: TarEntry): void {
    this.#budget.count(entry);
    this.#entry = undefined;
    if (entry.type === "folder") return;
    const path = textOf(join(placeOf(entry.name, entry.name)));
    this.#forget(path);
    if (entry.type === "symbolic link") this.#links.set(path, resolveLink(path, entry));
    if (entry.type === "hard link") {
      this.#links.set(
        path,
        textOf(join(placeOf(entry.linkname, entry.name, "is a hard link that "))),
      );
    }
    // Images are saved without devices and fifos, and without holes.
    if (entry.type !== "file" || entry.sparse !== undefined) return;
    this.#entry = entry;
    this.#path = path;
    this.#filled = 0;
    this.#files.set(path, this.#keep(entry.size));
  }

  data(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#entry === undefined) return;
    const file = this.#files.get(this.#path)!;
    if (file instanceof Uint8Array) file.set(bytes, this.#filled);
    else {
      const missing = MAGIC_LENGTH - file.beginning.length;
      if (missing > 0) file.beginning = joined(file.beginning, bytes.subarray(0, missing));
      file.blob.write(bytes);
    }
    this.#filled += bytes.length;
  }

  end(): void {}

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  read(path: string, limit: number): Uint8Array<ArrayBuffer> {
    const file = this.#require(path);
    if (file instanceof Uint8Array && file.length <= limit) return file;
    if (file instanceof Uint8Array || file.blob.size > limit) {
      throw new ArchiveFault(
        `is broken or hostile: its ${quoted(path)} has more than ${limit} bytes`,
      );
    }
    return file.blob.read();
  }

  beginning(path: string): Uint8Array {
    const file = this.#require(path);
    return file instanceof Uint8Array ? file.subarray(0, MAGIC_LENGTH) : file.beginning;
  }

  async put(
    path: string,
    store: ImageStore,
    mediaType: string,
    expected?: Pick<Descriptor, "digest" | "size">,
  ): Promise<Descriptor> {
    const file = this.#require(path);
    const size = file instanceof Uint8Array ? file.length : file.blob.size;
    if (expected !== undefined && size !== expected.size) {
      throw new ArchiveFault(
        `is broken: its ${quoted(path)} has ${counted(size, "byte")}, not ${expected.size}`,
      );
    }
    const digest = file instanceof Uint8Array ? digestOf(file) : file.blob.digest();
    if (expected !== undefined && digest !== expected.digest) {
      throw new ArchiveFault(`is broken: its ${quoted(path)} is not ${expected.digest}`);
    }
    return file instanceof Uint8Array
      ? await store.addBlob(mediaType, file)
      : file.blob.commit(mediaType);
  }

  [Symbol.dispose](): void {
    for (const path of [...this.#files.keys()]) this.#forget(path);
  }

  #keep(size: number): Kept {
    if (size <= SMALL && this.#small + size <= ALL_SMALL) {
      this.#small += size;
      return new Uint8Array(new ArrayBuffer(size));
    }
    if (++this.#large > this.#room) {
      throw new ArchiveFault(`has more than ${this.#room} large files`, {
        hint: this.#room < LARGE_LIMIT
          ? TOO_MANY_FILES
          : "Save fewer images in one, or all of them as a layout, which is a folder",
      });
    }
    return { blob: new BlobWriter(this.#store), beginning: new Uint8Array(0) };
  }

  #forget(path: string): void {
    const file = this.#files.get(path);
    if (file !== undefined && !(file instanceof Uint8Array)) file.blob[Symbol.dispose]();
    this.#files.delete(path);
    this.#links.delete(path);
  }

  #find(path: string): Kept | undefined {
    let at = path;
    for (let count = 0; count < LINK_LIMIT; count++) {
      const file = this.#files.get(at);
      if (file !== undefined) return file;
      const next = this.#links.get(at);
      if (next === undefined) return undefined;
      at = next;
    }
    return undefined;
  }

  #require(path: string): Kept {
    const file = this.#find(path);
    if (file !== undefined) return file;
    throw new ArchiveFault(`is broken: it has no ${quoted(path)}`);
  }
}

/** Lets this process have as many files open as it may let itself have (getrlimit(2)); how many that is. */
function raiseOpenFiles(): number {
  const { soft, hard } = getrlimit(0, RLIMITS.RLIMIT_NOFILE);
  if (soft < hard) setrlimit(0, RLIMITS.RLIMIT_NOFILE, hard, hard);
  return Number(hard);
}

/** How many of the files that a process may have open can be large ones. */
function roomIn(limit: number): number {
  return Math.min(LARGE_LIMIT, Math.max(limit - OPEN_BESIDES, Math.floor(limit / 2)));
}

function quoted(path: string): string {
  return JSON.stringify(path);
}

/** A name as text: the paths in the documents of an image are. */
function textOf(name: ByteString): string {
  return utf8(toCString(name).subarray(0, -1));
}

/** Where a link leads in the archive, as docker once saved a layer that another image has too. */
function resolveLink(path: string, entry: TarEntry): string {
  const parts = entry.linkname.startsWith("/") ? [] : path.split("/").slice(0, -1);
  for (const part of textOf(entry.linkname).split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw hostile(entry.name, `is a link to ${quoteName(entry.linkname)}, out of the archive`);
    }
  }
  return parts.join("/");
}
