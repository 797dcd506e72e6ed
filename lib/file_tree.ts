import { AT_REMOVEDIR, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../ffi/constants.ts";
import type { Name } from "../ffi/cstring.ts";
import { DT_DIR, getdents64 } from "../ffi/directory.ts";
import { close, openat, statx, tryUnlink, unlinkat } from "../ffi/file.ts";
import { ContainerError } from "./errors.ts";

/**
 * Removes the file or folder `name` of the open folder `dirfd` with all that is in it, however deep.
 * Symbolic links are removed, never followed. Nothing there is no error.
 *
 * @throws {SysError} EBUSY when a mount point is in the way, and whatever else unlinkat(2) tells
 */
export function removeTree(dirfd: number, name: Name): void {
  if (tryUnlink(dirfd, name)) return;
  removeContents(dirfd, name);
  unlinkat(dirfd, name, AT_REMOVEDIR);
}

/**
 * Removes all that is in the folder `name` of the open folder `dirfd`.
 *
 * @throws {ContainerError} when somebody moves a folder of the tree at the same time
 */
export function removeContents(dirfd: number, name: Name): void {
  removeBelow(dirfd, name, KEPT_OPEN);
}

/** So many folders one below the other are open at a time at most: few trees are deeper, and few processes may have less. */
const KEPT_OPEN = 6;

function removeBelow(dirfd: number, name: Name, levels: number): void {
  if (levels === 0) return removeDeep(dirfd, name);
  const folder = openFolder(dirfd, name);
  try {
    for (let entries = getdents64(folder); entries.length > 0; entries = getdents64(folder)) {
      for (const { name, type } of entries) {
        if (type !== DT_DIR && tryUnlink(folder, name)) continue;
        removeBelow(folder, name, levels - 1);
        unlinkat(folder, name, AT_REMOVEDIR);
      }
    }
  } finally {
    close(folder);
  }
}

/**
 * The same with one descriptor open at a time, so that the depth of the tree is not bounded by their number: on the
 * way back up the `..` of the folder that was just emptied is opened.
 */
function removeDeep(dirfd: number, name: Name): void {
  let folder = openFolder(dirfd, name);
  const above: { name: Name; identity: string }[] = [];
  try {
    for (;;) {
      const below = removeFiles(folder);
      if (below !== undefined) {
        above.push({ name: below, identity: identityOf(folder) });
        folder = replace(folder, openFolder(folder, below));
        continue;
      }
      const emptied = above.pop();
      if (emptied === undefined) return;
      folder = replace(folder, openFolder(folder, ".."));
      if (identityOf(folder) !== emptied.identity) {
        throw new ContainerError("remove a folder: it is being moved by somebody else");
      }
      unlinkat(folder, emptied.name, AT_REMOVEDIR);
    }
  } finally {
    close(folder);
  }
}

/** Removes the files of an open folder; gives the first folder that stands in the way. */
function removeFiles(folder: number): Name | undefined {
  for (let entries = getdents64(folder); entries.length > 0; entries = getdents64(folder)) {
    for (const { name, type } of entries) {
      if (type === DT_DIR || !tryUnlink(folder, name)) return name;
    }
  }
  return undefined;
}

function openFolder(dirfd: number, name: Name): number {
  return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

function replace(folder: number, by: number): number {
  close(folder);
  return by;
}

function identityOf(folder: number): string {
  const { dev, ino } = statx(folder);
  return `${dev.major}:${dev.minor}:${ino}`;
}
