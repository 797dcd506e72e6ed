import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../../ffi/constants.ts";
import { fchmod, Fd, mkdirat, openat, statx, tryStatx, utimensat } from "../../../ffi/file.ts";
import { removeDefaultAcl } from "../../../ffi/xattr.ts";
import { ContainerError, hintForWriting, reasonOf, SysError } from "../../errors.ts";
import { findSafeFolder, safeFolder } from "../../folder.ts";
import { quote } from "../../quote.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, digestOf } from "../digest.ts";
import { formatReference, type Reference } from "../reference.ts";
import {
  blobPath,
  BLOBS,
  INDEX,
  LAYERS,
  LAYOUT_VERSION,
  LEASES,
  OCI_LAYOUT,
  PARTIAL,
  REMOVED,
  STORE,
} from "./layout.ts";
import { type Held, type HeldBy, heldByAll, Lease } from "./lease.ts";
import { lockStore } from "./lock.ts";
import { type Named, withAdded } from "./add_references.ts";
import { BlobWriter } from "./blob_writer.ts";
import { isThere, openBlob, readBlob, syncBlobs, tryMkdirat } from "./blobs.ts";
import { ROOM_HINT, storeError } from "./room.ts";
import { BlobReceiver } from "./receiver.ts";
import {
  indexOf,
  readReferences,
  type ReferenceEntry,
  replaceFile,
  writeReferences,
} from "./references.ts";

/** Bytes in pieces, as they come. */
export type Content =
  | Iterable<Uint8Array<ArrayBuffer>>
  | AsyncIterable<Uint8Array<ArrayBuffer>>;

/**
 * The store of images: content by its digest, and references to it (see layout.ts).
 *
 * While a store is open, nothing is removed by others that was asked for or put there through it:
 * a lease keeps it (see lease.ts). So whoever works with an image, and as long as a container runs from
 * it, keeps the store open that the image was found in.
 */
export class ImageStore implements Disposable {
  /** The store's folder, absolute. */
  readonly path: string;
  readonly #root: Fd;
  readonly #lease: Lease;

  private constructor(path: string, root: Fd) {
    this.path = path;
    this.#root = root;
    this.#lease = new Lease(root.number);
  }

  /**
   * Opens the store of an images folder; makes both where there are none.
   *
   * @param imagesFolder as the user gave it
   * @throws {ContainerError} NotAllowed when others could write there
   */
  static open(imagesFolder: string): ImageStore {
    const path = `${safeFolder(imagesFolder, { create: 0o755 })}/${STORE}`;
    try {
      return new ImageStore(path, withLayout(makeFolder(path)));
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      throw new ContainerError(`make the store of images ${quote(path)}: ${reasonOf(error)}`, {
        hint: hintForWriting(
          error,
          ROOM_HINT,
          "Give an images folder on a disk that can be written with -i",
        ),
        cause: error,
      });
    }
  }

  /** As {@link open}, but undefined when there is no store. */
  static find(imagesFolder: string): ImageStore | undefined {
    const folder = findSafeFolder(imagesFolder);
    if (folder === undefined) return undefined;
    const path = `${folder}/${STORE}`;
    // What another program made has no leases; what has some may have lost the other one.
    const isThere = [OCI_LAYOUT, LEASES].some((name) =>
      tryStatx(AT_FDCWD, `${path}/${name}`, AT_SYMLINK_NOFOLLOW) !== undefined
    );
    if (!isThere) return undefined;
    return new ImageStore(path, withLayout(openFolder(path)));
  }

  /** A descriptor of the folder, which stays the store's. */
  get root(): number {
    return this.#root.number;
  }

  /** Keeps content from being removed as long as this store is open. */
  hold(...all: readonly Held[]): void {
    this.#lease.hold(...all);
  }

  /** Says for which container it is kept. */
  holdFor(container: string): void {
    this.#lease.keepFor(container);
  }

  /** Whether a blob is there, whole. It stays so while this store is open. */
  hasBlob(descriptor: Held & Pick<Descriptor, "size">): boolean {
    this.hold(descriptor);
    return isThere(this.root, descriptor);
  }

  /**
   * Reads a blob and verifies it.
   *
   * @param limit the most bytes that it may have
   * @throws {ContainerError} NotFound; InvalidArchive for one that is larger or damaged
   */
  readBlob({ digest, size, mediaType }: Descriptor, limit: number): Uint8Array<ArrayBuffer> {
    this.hold({ digest, mediaType });
    return readBlob(this.root, { digest, size }, limit);
  }

  /**
   * Opens a blob for reading, at its first byte. It was verified when it was received.
   *
   * @throws {ContainerError} NotFound
   */
  openBlob(digest: Digest): Fd {
    return openBlob(this.root, digest);
  }

  /**
   * Begins to receive a blob, or to go on where it was left; waits while another process does so.
   *
   * @param options.waiting is called once when there is somebody to wait for
   * @param options.signal ends the waiting; its reason is thrown
   * @returns undefined when the blob is there already
   * @throws {ContainerError} when the disk has no room for it; Unsupported for a digest that cannot be
   *   verified
   */
  receiveBlob(
    descriptor: Descriptor,
    options: { waiting?: () => void; signal?: AbortSignal } = {},
  ): Promise<BlobReceiver | undefined> {
    this.hold(descriptor);
    return BlobReceiver.begin(this.root, descriptor, options);
  }

  /** Puts content there of which only now the digest becomes known. */
  async addBlob(mediaType: string, content: Uint8Array | Content): Promise<Descriptor> {
    if (content instanceof Uint8Array) {
      const descriptor = { mediaType, digest: digestOf(content), size: content.length };
      if (this.hasBlob(descriptor)) return descriptor;
    }
    using blob = new BlobWriter(this);
    const pieces = content instanceof Uint8Array ? [new Uint8Array(content)] : content;
    for await (const piece of pieces) blob.write(piece);
    return blob.commit(mediaType);
  }

  /** All references, in the order in which they were made. */
  references(): ReferenceEntry[] {
    return readReferences(this.root, this.path);
  }

  /**
   * Lets a reference lead to an image, whose manifest or index is there. The image that it led to
   * before stays, without a name, until `prune`.
   */
  setReference(reference: Reference, descriptor: Descriptor): void {
    this.addReferences([{ reference, descriptor }]);
  }

  /** Lists an image without a name, where it is not listed yet: `prune` removes it. */
  keepUnnamed(descriptor: Descriptor): void {
    this.addReferences([{ descriptor }]);
  }

  /** As {@link setReference} or, without a reference, {@link keepUnnamed}, for all of them at once. */
  addReferences(added: readonly Named[]): void {
    this.hold(...new Map(added.map(({ descriptor }) => [descriptor.digest, descriptor])).values());
    this.changeReferences((entries) => withAdded(entries, added));
  }

  /**
   * Removes a reference, and nothing that it leads to.
   *
   * @returns what it led to; undefined when there is no such reference
   */
  removeReference(reference: Reference): Descriptor | undefined {
    const name = formatReference(reference);
    let removed: Descriptor | undefined;
    this.changeReferences((entries) => {
      removed = entries.find((entry) => entry.name === name)?.descriptor;
      return removed === undefined ? undefined : entries.filter((entry) => entry.name !== name);
    });
    return removed;
  }

  /**
   * Changes the references, under the store's lock.
   *
   * @param change gives the new ones from those that there are; undefined for no change
   */
  changeReferences(
    change: (entries: readonly ReferenceEntry[]) => readonly ReferenceEntry[] | undefined,
  ): void {
    using _lock = lockStore(this.root, "exclusive");
    const changed = change(this.references());
    if (changed === undefined) return;
    try {
      // No reference leads to what a crash may take away.
      syncBlobs(this.root);
      writeReferences(this.root, changed);
    } catch (error) {
      throw storeError(`write ${quote(`${this.path}/${INDEX}`)}`, error);
    }
  }

  /** What other processes work with. The caller has the store's lock, exclusive. */
  heldByOthers(): HeldBy[] {
    return heldByAll(this.root, this.path, this.#lease);
  }

  /** Notes that an image was used now, by the time of its manifest or index. */
  touch(digest: Digest): void {
    const now = Date.now();
    try {
      utimensat(this.root, blobPath(digest), Math.floor(now / 1000), (now % 1000) * 1_000_000);
    } catch (error) {
      // A store that can only be read is as good.
      if (!(error instanceof SysError && ["EROFS", "ENOENT"].includes(error.code))) throw error;
    }
  }

  /** Others may remove now what was kept. */
  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
    this.#root[Symbol.dispose]();
  }
}

/** Makes the folder where there is none: root's alone, as images hold set-user-id programs of any age. */
function makeFolder(path: string): Fd {
  try {
    mkdirat(AT_FDCWD, path, 0o700);
    // An access control list that everything made below would take over.
    removeDefaultAcl(path);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
  }
  return openFolder(path);
}

function openFolder(path: string): Fd {
  const root = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const { mode, uid } = statx(root.number);
  if ((mode & 0o022) === 0 && (uid === 0 || uid === Deno.uid())) return root;
  root[Symbol.dispose]();
  throw new ContainerError(`use the store of images ${quote(path)}: others can write there`, {
    code: "NotAllowed",
    hint: `Make it root's alone: chown root ${quote(path)} && chmod 700 ${quote(path)}`,
  });
}

/**
 * Makes what belongs in a store and is missing; the folder for leases last, which says that all is
 * there. Another program may have made the layout.
 */
function withLayout(root: Fd): Fd {
  try {
    if (tryStatx(root.number, LEASES) === undefined) makeLayout(root.number);
    return root;
  } catch (error) {
    root[Symbol.dispose]();
    throw error;
  }
}

function makeLayout(root: number): void {
  fchmod(root, 0o700);
  using _lock = lockStore(root, "exclusive");
  for (const name of [BLOBS, `${BLOBS}/sha256`, PARTIAL, LAYERS, REMOVED]) tryMkdirat(root, name);
  if (tryStatx(root, INDEX) === undefined) replaceFile(root, INDEX, indexOf([]));
  if (tryStatx(root, OCI_LAYOUT) === undefined) replaceFile(root, OCI_LAYOUT, LAYOUT_VERSION);
  tryMkdirat(root, LEASES);
}
