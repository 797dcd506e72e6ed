import { flock, fsync, LOCK_EX, lseekToStart, writeAll } from "../../../ffi/file.ts";
import { randomUUID } from "../../uuid.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, Verifier } from "../digest.ts";
import { readUpTo } from "../pieces.ts";
import { UnnamedFile } from "../unnamed_file.ts";
import { placeBlob } from "./blobs.ts";
import { PARTIAL } from "./layout.ts";
import { lockStore } from "./lock.ts";
import { storeError } from "./room.ts";
import type { ImageStore } from "./store.ts";

/** Writes content of which only in the end the digest is known; it becomes a blob when it is committed. */
export class BlobWriter implements Disposable {
  readonly #store: ImageStore;
  readonly #file: UnnamedFile;
  readonly #verifier = new Verifier();
  #size = 0;
  #digest: Digest | undefined;

  /** @param store stays open until this is disposed of */
  constructor(store: ImageStore) {
    this.#store = store;
    // Under the store's lock, so that nobody finds the file without its own.
    using _lock = lockStore(store.root, "shared");
    this.#file = new UnnamedFile(store.root, `${PARTIAL}/${randomUUID()}`);
    flock(this.#file.number, LOCK_EX);
  }

  /** How many bytes were written. */
  get size(): number {
    return this.#size;
  }

  /** Takes the next bytes. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      writeAll(this.#file.number, bytes);
    } catch (error) {
      throw storeError("add a blob to the store", error);
    }
    this.#verifier.update(bytes);
    this.#size += bytes.length;
  }

  /** The digest of all that was written; nothing is written any more. */
  digest(): Digest {
    return this.#digest ??= this.#verifier.digest();
  }

  /** All that was written, which the caller knows not to be much. */
  read(): Uint8Array<ArrayBuffer> {
    lseekToStart(this.#file.number);
    return readUpTo(this.#file.number, this.#size);
  }

  /** Gives the content its place; it is on the disk then. */
  commit(mediaType: string): Descriptor {
    const descriptor = { mediaType, digest: this.digest(), size: this.#size };
    if (this.#store.hasBlob(descriptor)) return descriptor;
    fsync(this.#file.number);
    this.#file.place((path) => placeBlob(this.#store.root, path, descriptor.digest));
    return descriptor;
  }

  /** Removes what was not committed. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
