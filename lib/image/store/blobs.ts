import { AT_SYMLINK_NOFOLLOW } from "../../../ffi/constants.ts";
import { type Fd, fsync, mkdirat, renameat2, tryStatx } from "../../../ffi/file.ts";
import { ContainerError, SysError } from "../../errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { algorithmOf, ALGORITHMS, type Digest, Verifier } from "../digest.ts";
import { blobPath, BLOBS } from "./layout.ts";
import { tryOpen, tryReadFile } from "./read_file.ts";

/** Which blob, and how large it is. */
export type Expected = Pick<Descriptor, "digest" | "size">;

/** Whether a blob is in its place, with the right size. */
export function isThere(root: number, { digest, size }: Expected): boolean {
  return tryStatx(root, blobPath(digest), AT_SYMLINK_NOFOLLOW)?.size === size;
}

/**
 * Reads a blob of an open store and verifies it.
 *
 * @throws {ContainerError} NotFound; InvalidArchive for one that is larger or damaged
 */
export function readBlob(
  root: number,
  { digest, size }: Expected,
  limit: number,
): Uint8Array<ArrayBuffer> {
  if (size > limit) {
    throw new ContainerError(`read ${digest}: it has more than ${limit} bytes`, {
      code: "InvalidArchive",
    });
  }
  const bytes = tryReadFile(root, blobPath(digest), limit) ?? notThere(digest);
  const verifier = new Verifier(digest);
  verifier.update(bytes);
  if (bytes.length === size && verifier.digest() === digest) return bytes;
  throw new ContainerError(`read ${digest}: it is damaged`, {
    code: "InvalidArchive",
    hint: "Run gocontainer images check --repair, then pull the image again",
  });
}

/**
 * Opens a blob of an open store for reading. It was verified when it was received.
 *
 * @throws {ContainerError} NotFound
 */
export function openBlob(root: number, digest: Digest): Fd {
  return tryOpen(root, blobPath(digest)) ?? notThere(digest);
}

function notThere(digest: Digest): never {
  throw new ContainerError(`read ${digest}: it is not in the store`, {
    code: "NotFound",
    hint: "Pull the image again",
  });
}

/**
 * Gives a file that is whole, verified and on the disk its place as a blob. A crash may undo that until
 * {@link syncBlobs} is called.
 */
export function placeBlob(root: number, from: string, digest: Digest): void {
  tryMkdirat(root, `${BLOBS}/${algorithmOf(digest)}`);
  renameat2(root, from, root, blobPath(digest));
}

/** Waits until all blobs have their places on the disk, those too that other processes have put there. */
export function syncBlobs(root: number): void {
  for (const algorithm of ALGORITHMS) {
    using folder = tryOpen(root, `${BLOBS}/${algorithm}`);
    if (folder !== undefined) fsync(folder.number);
  }
}

/** Makes a folder of the store where there is none. */
export function tryMkdirat(root: number, path: string): void {
  try {
    mkdirat(root, path, 0o700);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
  }
}
