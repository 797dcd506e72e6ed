import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat, tryStatx } from "../../ffi/file.ts";
import { fstatfsType } from "../../ffi/statfs.ts";
import { ContainerError } from "../errors.ts";
import { findSafeFolder, safeFolder } from "../folder.ts";
import { checkImageName } from "./name.ts";
import {
  type ArchiveSource,
  extractedPath,
  findSource,
  type FolderSource,
  type ImageSource,
} from "./source.ts";

/** The root file system of an image, ready to be an overlay's lower layer. It is never written to. */
export interface Rootfs {
  /** The image's name. */
  readonly name: string;
  /** Absolute path of the root folder. */
  readonly path: string;
  /** Where it comes from. */
  readonly source: ImageSource["kind"];
}

/**
 * Finds an image's root file system when nothing has to be extracted: a folder of the images folder,
 * or an extraction of the very archive that is there. Undefined when there is an archive to extract,
 * or no such image at all: `extractRootfs` of extract.ts then does the one or says the other.
 *
 * @param imagesFolder as the user gave it; need not exist
 * @throws {ContainerError} for a name that is none, two images that match, an images folder that
 *   others can write, a file system that overlayfs cannot use
 */
export function findRootfs(imagesFolder: string, name: string): Rootfs | undefined {
  checkImageName(name);
  const folder = findSafeFolder(imagesFolder);
  const source = findSource(folder, name);
  if (folder === undefined || source === undefined) return undefined;
  return source.kind === "folder"
    ? folderRootfs(name, source)
    : extractedRootfs(folder, name, source);
}

/** The root file system that a user's own folder is; it may be a symbolic link to one elsewhere. */
export function folderRootfs(name: string, { path, kind }: FolderSource): Rootfs {
  const folder = safeFolder(path);
  assertLowerLayer(folder);
  return { name, path: folder, source: kind };
}

/** The root file system of this version of an archive, if it has been extracted. */
export function extractedRootfs(
  folder: string,
  name: string,
  { version, kind }: ArchiveSource,
): Rootfs | undefined {
  const path = extractedPath(folder, name, version);
  return tryStatx(AT_FDCWD, path) === undefined ? undefined : { name, path, source: kind };
}

/**
 * File systems, by their magic number (linux/magic.h), that compare names in a way of their own or
 * keep neither owners nor links: overlayfs refuses them as a lower layer (ovl_dentry_weird in
 * fs/overlayfs), or the root file system would be wrong on them.
 */
const UNFIT: Readonly<Record<number, string>> = {
  0x4d44: "vfat",
  0x2011bab0: "exfat",
  0x5346544e: "ntfs",
  0x7366746e: "ntfs3",
  0x4244: "hfs",
  0x482b: "hfsplus",
  0x9660: "isofs",
  0xf15f: "ecryptfs",
  0x786f4256: "vboxsf",
};

/**
 * Checks that overlayfs can use a folder as its lower layer.
 *
 * @throws {ContainerError} Unsupported
 */
export function assertLowerLayer(path: string): void {
  using folder = new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY));
  const type = UNFIT[fstatfsType(folder.number)];
  if (type === undefined) return;
  throw new ContainerError(
    `use folder ${
      JSON.stringify(path)
    } below an overlay: its file system ${type} cannot hold the ` +
      "root of a container",
    {
      code: "Unsupported",
      hint: "Give an images folder on a Linux file system such as ext4 with -i",
    },
  );
}
