import {
  AT_SYMLINK_NOFOLLOW,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/constants.ts";
import { Fd, LOCK_EX, openat, tryFlock, tryStatx } from "../../../ffi/file.ts";
import { diskUsage } from "../../disk_usage.ts";
import { SysError } from "../../errors.ts";
import { type Digest, isDigest } from "../digest.ts";
import { BLOBS, LAYERS, LEASES, PARTIAL } from "./layout.ts";

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
 * The blobs that are there. What is named like none, or is no file, is left out.
 *
 * @param folder the store's path
 */
export function listBlobs(root: number, folder: string): BlobItem[] {
  const items: BlobItem[] = [];
  for (const { name: algorithm } of entriesIn(folder, BLOBS).filter(isFolder)) {
    for (const { name: hash } of entriesIn(folder, `${BLOBS}/${algorithm}`)) {
      const digest = `${algorithm}:${hash}`;
      const path = `${BLOBS}/${algorithm}/${hash}`;
      const status = tryStatx(root, path, AT_SYMLINK_NOFOLLOW);
      if (status === undefined || (status.mode & S_IFMT) !== S_IFREG || !isDigest(digest)) continue;
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
  return entriesIn(folder, LAYERS).filter(isLayer)
    .map(({ name }) => ({ path: `${LAYERS}/${name}`, name }));
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
  const blobs = entriesIn(folder, PARTIAL).filter(isFile).map(({ name }) => `${PARTIAL}/${name}`);
  const layers = entriesIn(folder, LAYERS).filter(isPartialLayer)
    .map(({ name }) => `${LAYERS}/${name}`);
  return [...blobs, ...layers].flatMap((path) => {
    if (isLocked(root, path)) return [];
    const status = tryStatx(root, path, AT_SYMLINK_NOFOLLOW);
    return status === undefined ? [] : [{ path, bytes: status.diskSize }];
  });
}

/** What lies in the store's folders, that for blobs aside, and is none of the store's: nothing touches it. */
export function listStrays(folder: string): string[] {
  const belongs = {
    [LAYERS]: (entry: Deno.DirEntry) => isLayer(entry) || isPartialLayer(entry),
    [LEASES]: isFile,
    [PARTIAL]: isFile,
  };
  return Object.entries(belongs).flatMap(([name, isOwn]) =>
    entriesIn(folder, name).filter((entry) => !isOwn(entry)).map((entry) => `${name}/${entry.name}`)
  );
}

/** The files in the folder for leases that are leases. */
export function listLeases(folder: string): string[] {
  return entriesIn(folder, LEASES).filter(isFile).map(({ name }) => name);
}

/** Whether a process has a lock on a file or folder, and so is at it. */
function isLocked(root: number, path: string): boolean {
  try {
    using file = new Fd(openat(root, path, O_RDONLY | O_NOFOLLOW));
    return !tryFlock(file.number, LOCK_EX);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return false;
    throw error;
  }
}

function isFile({ isFile }: Deno.DirEntry): boolean {
  return isFile;
}

function isFolder({ isDirectory }: Deno.DirEntry): boolean {
  return isDirectory;
}

/** Its name is a hash of one of the algorithms. */
function isLayer({ name, isDirectory }: Deno.DirEntry): boolean {
  return isDirectory && /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/.test(name);
}

function isPartialLayer({ name, isDirectory }: Deno.DirEntry): boolean {
  return isDirectory && /^\..+\.partial$/.test(name);
}

function entriesIn(folder: string, path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(`${folder}/${path}`)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
