import { AT_SYMLINK_NOFOLLOW, O_NOFOLLOW, O_RDONLY } from "../../../ffi/constants.ts";
import { Fd, LOCK_EX, openat, tryFlock, tryStatx } from "../../../ffi/file.ts";
import { diskUsage } from "../../disk_usage.ts";
import { SysError } from "../../errors.ts";
import { type Digest, isDigest } from "../digest.ts";
import { BLOBS, LAYERS, PARTIAL } from "./layout.ts";

/** Something that the store holds. */
export interface Item {
  /** Relative to the store. */
  readonly path: string;
  /** On the disk. */
  readonly bytes: number;
}

/** A blob that is there. */
export interface BlobItem extends Item {
  readonly digest: Digest;
  /** Bytes of its content. */
  readonly size: number;
}

/**
 * The blobs that are there. Files that are named like none are left out.
 *
 * @param folder the store's path
 */
export function listBlobs(root: number, folder: string): BlobItem[] {
  const items: BlobItem[] = [];
  for (const algorithm of namesIn(`${folder}/${BLOBS}`)) {
    for (const hash of namesIn(`${folder}/${BLOBS}/${algorithm}`)) {
      const digest = `${algorithm}:${hash}`;
      const path = `${BLOBS}/${algorithm}/${hash}`;
      const status = tryStatx(root, path, AT_SYMLINK_NOFOLLOW);
      if (status === undefined || !isDigest(digest)) continue;
      items.push({ path, bytes: status.diskSize, digest, size: status.size });
    }
  }
  return items;
}

/** A layer that has been extracted. */
export interface LayerItem {
  readonly path: string;
  /** The hash of its ChainID. */
  readonly name: string;
}

/** The layers that have been extracted, whole. */
export function listLayers(folder: string): LayerItem[] {
  return namesIn(`${folder}/${LAYERS}`).filter((name) => /^[0-9a-f]+$/.test(name))
    .map((name) => ({ path: `${LAYERS}/${name}`, name }));
}

/** What an extracted layer takes on the disk, in bytes; 0 for one that is gone. */
export function layerSize(root: number, name: string): number {
  try {
    return diskUsage(root, `${LAYERS}/${name}`).bytes;
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return 0;
    throw error;
  }
}

/** What is left of blobs that nobody is receiving, and of layers that nobody is extracting. */
export function listLeft(root: number, folder: string): Item[] {
  const partials = namesIn(`${folder}/${PARTIAL}`).map((name) => `${PARTIAL}/${name}`);
  const layers = namesIn(`${folder}/${LAYERS}`).filter((name) => !/^[0-9a-f]+$/.test(name))
    .map((name) => `${LAYERS}/${name}`);
  return [...partials, ...layers].flatMap((path) => {
    if (isLocked(root, path)) return [];
    const status = tryStatx(root, path, AT_SYMLINK_NOFOLLOW);
    return status === undefined ? [] : [{ path, bytes: status.diskSize }];
  });
}

/** Whether a process has a lock on a file or folder, and so is at it. */
export function isLocked(root: number, path: string): boolean {
  try {
    using file = new Fd(openat(root, path, O_RDONLY | O_NOFOLLOW));
    return !tryFlock(file.number, LOCK_EX);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return false;
    throw error;
  }
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
