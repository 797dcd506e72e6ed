import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from "../../../ffi/constants.ts";
import { Fd, type FileStatus, openat2, statx } from "../../../ffi/file.ts";
import { fgetxattr } from "../../../ffi/xattr.ts";
import { SysError } from "../../errors.ts";
import { type ByteString, toCString } from "../tar/bytes.ts";
import { type Attributes, folderAttributes } from "../tree/attributes.ts";
import { split } from "../tree/place.ts";
import type { View } from "../tree/view.ts";
import { isWhiteout, OPAQUE } from "../tree/writer.ts";

/** What one layer has at a path: a file, nothing, or what hides whatever lies below. */
type Found = { readonly status: FileStatus } | "nothing" | "hidden";

/**
 * Layers as they show when they are laid over each other, by overlayfs's own rules: whiteouts and
 * opaque folders hide, and so does whatever is no folder (kernel, filesystems/overlayfs.rst).
 */
export class LayersView implements View {
  readonly #roots: readonly number[];

  /** @param roots descriptors of the layers' folders, the top one first; they stay the caller's */
  constructor(roots: readonly number[]) {
    this.#roots = roots;
  }

  rootBelow(): Attributes | undefined {
    const root = this.#roots[1];
    return root === undefined ? undefined : attributesIn(root, "");
  }

  folder(path: ByteString): Attributes | undefined {
    const found = this.#lookUp(path);
    return found !== undefined && isFolder(found.status)
      ? attributesIn(found.root, path)
      : undefined;
  }

  shows(path: ByteString): boolean {
    return this.#lookUp(path) !== undefined;
  }

  file(path: ByteString): Fd | undefined {
    const found = this.#lookUp(path);
    return found === undefined || isFolder(found.status)
      ? undefined
      : new Fd(openBeneath(found.root, path, O_PATH | O_NOFOLLOW));
  }

  #lookUp(path: ByteString): { root: number; status: FileStatus } | undefined {
    for (const root of this.#roots) {
      const found = lookUp(root, path);
      if (found === "hidden") return undefined;
      if (found !== "nothing") return { root, status: found.status };
    }
    return undefined;
  }
}

function lookUp(root: number, path: ByteString): Found {
  const there = tryOpen(root, path);
  if (there === "hidden") return "hidden";
  if (there !== undefined) {
    using file = there;
    const status = statx(file.number);
    return isWhiteout(status) ? "hidden" : { status };
  }
  return hidesOnTheWay(root, path) ? "hidden" : "nothing";
}

/** Whether a folder above a path hides what lies below. From one to the next: a path may have thousands of them. */
function hidesOnTheWay(root: number, path: ByteString): boolean {
  const parts = split(path).folder.split("/").reverse();
  let folder = tryOpenFolder(root, "");
  while (folder !== undefined) {
    using opened = folder;
    if (fgetxattr(opened.number, OPAQUE) !== undefined) return true;
    const part = parts.pop();
    folder = part ? tryOpenFolder(opened.number, part) : undefined;
  }
  return false;
}

/** A file of a layer; `hidden` where the way there passes through something that is no folder. */
function tryOpen(root: number, path: ByteString): Fd | "hidden" | undefined {
  try {
    return new Fd(openBeneath(root, path, O_PATH | O_NOFOLLOW));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === "ENOENT") return undefined;
    if (error.code === "ENOTDIR" || error.code === "ELOOP") return "hidden";
    throw error;
  }
}

function tryOpenFolder(root: number, path: ByteString): Fd | undefined {
  try {
    return new Fd(openBeneath(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function openBeneath(root: number, path: ByteString, flags: number): number {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return openat2(root, path === "" ? "." : toCString(path), flags, resolve);
}

function isFolder(status: FileStatus): boolean {
  return (status.mode & S_IFMT) === S_IFDIR;
}

function attributesIn(root: number, path: ByteString): Attributes {
  using folder = new Fd(openBeneath(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return folderAttributes(folder.number, path, statx(folder.number));
}
