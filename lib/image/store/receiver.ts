import { AT_SYMLINK_NOFOLLOW, O_CREAT, O_NOFOLLOW, O_RDWR } from "../../../ffi/constants.ts";
import {
  Fd,
  fsync,
  ftruncate,
  LOCK_EX,
  lseekToStart,
  openat,
  read,
  statx,
  tryFlock,
  tryStatx,
  unlinkat,
  writeAll,
} from "../../../ffi/file.ts";
import { fstatfs } from "../../../ffi/statfs.ts";
import { alloc } from "../../../ffi/struct.ts";
import { ContainerError, isFull } from "../../errors.ts";
import { type Digest, Verifier } from "../digest.ts";
import { formatSize } from "../../size.ts";
import { type Expected, isThere, placeBlob } from "./blobs.ts";
import { partialPath } from "./layout.ts";
import { ROOM_HINT, storeError } from "./room.ts";

/** How often it is looked whether another process has done with a blob, in ms. */
const INTERVAL = 100;

/** Bytes that are read at a time, and after how many others get their turn. */
const PIECE = 1024 * 1024;
const TURN = 16 * PIECE;

/**
 * Receives a blob: at its end what was received before, then what is written, and it is there once it
 * is known to be right. Where that does not come to pass, what there is of it stays, for the next one
 * who tries. No other process receives the same blob meanwhile.
 */
export class BlobReceiver implements Disposable {
  readonly #root: number;
  readonly #file: Fd;
  readonly #expected: Expected;
  /** Of all bytes up to the offset. */
  #verifier: Verifier;
  #offset = 0;
  #committed = false;

  private constructor(root: number, file: Fd, expected: Expected) {
    this.#root = root;
    this.#file = file;
    this.#expected = expected;
    this.#verifier = new Verifier(expected.digest);
  }

  /**
   * Begins to receive, or to go on with, a blob; waits while another process does so.
   *
   * @param root the open store, which stays the caller's
   * @param options.waiting is called once when there is somebody to wait for
   * @param options.signal ends the waiting; its reason is thrown
   * @returns undefined when the blob is there, whole
   * @throws {ContainerError} when the disk has no room for it
   */
  static async begin(
    root: number,
    expected: Expected,
    options: { waiting?: () => void; signal?: AbortSignal } = {},
  ): Promise<BlobReceiver | undefined> {
    // One that cannot be verified is refused before there is a file for it.
    new Verifier(expected.digest);
    let told = false;
    for (;;) {
      if (isThere(root, expected)) return undefined;
      const file = lockPartial(root, expected.digest);
      if (file === undefined) {
        if (!told) options.waiting?.();
        told = true;
        options.signal?.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, INTERVAL));
        continue;
      }
      const receiver = new BlobReceiver(root, file, expected);
      try {
        // It may have been completed between the look and the lock.
        if (isThere(root, expected)) receiver[Symbol.dispose]();
        else if (await receiver.#takeOver()) return receiver;
        return undefined;
      } catch (error) {
        receiver[Symbol.dispose]();
        throw error;
      }
    }
  }

  /** How many bytes of the blob are there: from here on more are wanted. */
  get offset(): number {
    return this.#offset;
  }

  /** Forgets what is there. */
  restart(): void {
    ftruncate(this.#file.number, 0);
    lseekToStart(this.#file.number);
    this.#verifier = new Verifier(this.#expected.digest);
    this.#offset = 0;
  }

  /**
   * Takes the next bytes.
   *
   * @throws {ContainerError} InvalidArchive when that is more than there should be
   */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    const { digest, size } = this.#expected;
    if (this.#offset + bytes.length > size) {
      this.#remove();
      throw new ContainerError(`receive ${digest}: there is more of it than ${size} bytes`, {
        code: "InvalidArchive",
      });
    }
    try {
      writeAll(this.#file.number, bytes);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#verifier.update(bytes);
    this.#offset += bytes.length;
  }

  /**
   * Makes sure that the blob is whole and right, and gives it its place; it is on the disk then, where
   * its name is when a reference is made.
   *
   * @throws {ContainerError} InvalidArchive: what is short stays, what is wrong is removed
   */
  commit(): void {
    const { digest, size } = this.#expected;
    if (this.#offset < size) {
      throw new ContainerError(
        `receive ${digest}: it ended after ${this.#offset} of ${size} bytes`,
        { code: "InvalidArchive" },
      );
    }
    try {
      this.#verifier.assert(digest);
    } catch (error) {
      this.#remove();
      throw error;
    }
    this.#settle();
  }

  /** Lets others at it. What is there of a blob that is not whole stays. */
  [Symbol.dispose](): void {
    if (this.#file.number < 0) return;
    if (!this.#committed && statx(this.#file.number).size === 0) this.#remove();
    this.#file[Symbol.dispose]();
  }

  /** Reads what was received before; false when it was the whole blob, which is in its place now. */
  async #takeOver(): Promise<boolean> {
    const { size } = this.#expected;
    const there = statx(this.#file.number).size;
    if (there > size) this.restart();
    else if (there > 0) {
      const buffer = alloc(PIECE);
      for (;;) {
        const piece = read(this.#file.number, buffer);
        if (piece.length === 0) break;
        this.#verifier.update(piece);
        this.#offset += piece.length;
        if (this.#offset % TURN === 0) await new Promise((resolve) => setTimeout(resolve));
      }
    }
    if (this.#offset === size && size > 0) {
      if (this.#verifier.digest() === this.#expected.digest) {
        this.#settle();
        this.#file[Symbol.dispose]();
        return false;
      }
      this.restart();
    }
    assertRoom(this.#root, this.#expected, size - this.#offset);
    return true;
  }

  /** Gives the blob its place. */
  #settle(): void {
    try {
      fsync(this.#file.number);
    } catch (error) {
      throw this.#failure(error);
    }
    placeBlob(this.#root, partialPath(this.#expected.digest), this.#expected.digest);
    this.#committed = true;
  }

  /** Removes what is of no use to anybody. */
  #remove(): void {
    const path = partialPath(this.#expected.digest);
    if (isStill(this.#root, path, this.#file)) unlinkat(this.#root, path);
  }

  /** The error of a write. A full disk gets back what this took of it. */
  #failure(error: unknown): unknown {
    if (isFull(error)) this.#remove();
    return storeError(`receive ${this.#expected.digest}`, error);
  }
}

/** Opens what there is of a blob, and locks it; undefined while another one has it. */
function lockPartial(root: number, digest: Digest): Fd | undefined {
  const path = partialPath(digest);
  for (;;) {
    const file = new Fd(openat(root, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
    try {
      if (!tryFlock(file.number, LOCK_EX)) {
        file[Symbol.dispose]();
        return undefined;
      }
      if (isStill(root, path, file)) return file;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
    // It was completed, or removed, before it was locked.
    file[Symbol.dispose]();
  }
}

/** Whether an open file still has its name. */
function isStill(root: number, path: string, file: Fd): boolean {
  return tryStatx(root, path, AT_SYMLINK_NOFOLLOW)?.ino === statx(file.number).ino;
}

/** Says at once what would be told after a long download. */
function assertRoom(root: number, { digest }: Expected, wanted: number): void {
  const { freeBytes } = fstatfs(root);
  if (wanted <= freeBytes) return;
  throw new ContainerError(
    `receive ${digest}: it takes ${formatSize(wanted)}, and ${formatSize(freeBytes)} are free`,
    { hint: ROOM_HINT },
  );
}
