import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { diskUsage } from "../disk_usage.ts";
import { SysError } from "../errors.ts";
import { removeTree } from "../file_tree.ts";
import { findSafeFolder } from "../folder.ts";
import { eachLeft } from "./partial.ts";
import { EXTRACTED } from "./source.ts";

/** What was extracted of the archives of an images folder, and of the one in the binary. */
export interface ExtractedUsage {
  /** How many have been extracted, or were begun. */
  readonly count: number;
  /** On the disk. */
  readonly bytes: number;
  /** Bytes of what did not come to its end, and nobody is at. */
  readonly reclaimable: number;
}

/** What is left of an extraction that did not come to its end. */
export interface LeftExtraction {
  /** Relative to the images folder. */
  readonly path: string;
  /** On the disk. */
  readonly bytes: number;
}

/** Measures what was extracted of archives. Takes a look at every file of it. */
export function measureExtracted(imagesFolder: string): ExtractedUsage {
  const none = { count: 0, bytes: 0, reclaimable: 0 };
  return inExtracted(imagesFolder, none, (root, path) => {
    const sizeOf = (name: string) => diskUsage(root, name).bytes;
    const names = [...Deno.readDirSync(path)].map(({ name }) => name);
    const bytes = names.reduce((sum, name) => sum + sizeOf(name), 0);
    let reclaimable = 0;
    eachLeft(path, root, (name) => reclaimable += sizeOf(name));
    return { count: names.length, bytes, reclaimable };
  });
}

/**
 * Removes what is left of extractions that were killed, where nobody is at it.
 *
 * @param dryRun whether it stays, and is only told
 */
export function pruneExtracted(imagesFolder: string, dryRun: boolean): LeftExtraction[] {
  return inExtracted(imagesFolder, [], (root, path) => {
    const left: LeftExtraction[] = [];
    eachLeft(path, root, (name) => {
      left.push({ path: `${EXTRACTED}/${name}`, bytes: diskUsage(root, name).bytes });
      if (!dryRun) removeTree(root, name);
    });
    return left;
  });
}

/** Does something in the folder of what was extracted, where there is one. */
function inExtracted<T>(
  imagesFolder: string,
  otherwise: T,
  action: (root: number, path: string) => T,
): T {
  const folder = findSafeFolder(imagesFolder);
  if (folder === undefined) return otherwise;
  const path = `${folder}/${EXTRACTED}`;
  try {
    using root = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return action(root.number, path);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return otherwise;
    throw error;
  }
}
