import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "../../../ffi/constants.ts";
import { getdents64 } from "../../../ffi/directory.ts";
import { Fd, type FileStatus, lseek, openat, read, SEEK_SET, statx } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import { fgetxattr } from "../../../ffi/xattr.ts";
import { ContainerError, SysError } from "../../errors.ts";
import { release } from "../pieces.ts";
import { type ByteString, quoteName, toByteString, toCString } from "../tar/bytes.ts";
import { END_MARK, padding, storedSize, tarHeader } from "../tar/writer.ts";
import { keptXattrs } from "./attributes.ts";
import {
  fileMember,
  identityOf,
  openContent,
  plainMember,
  specialMember,
  typeOf,
} from "./member.ts";
import { PATH_LIMIT } from "./place.ts";
import { isWhiteout, OPAQUE } from "./writer.ts";

/** Bytes of a file that are read at a time. */
const PIECE = 256 * 1024;

/** How a tree becomes an archive. */
export interface TreeOptions {
  /** Whether it is an overlay's upper layer: what hides something below becomes a whiteout. */
  readonly layer: boolean;
  /** Paths that are left out, with all below them. */
  readonly leaveOut?: (path: ByteString, status: FileStatus) => boolean;
}

/**
 * Reads a folder with all that is in it as a tar archive, in pieces, each of which lasts until the next one: names in
 * the order of their bytes, hard links, holes and extended attributes as they are. Sockets are left out, as no archive
 * has them. The same tree always gives the same bytes; what comes and goes meanwhile is in it or is not. Nothing is
 * followed, and nothing but plain files is opened.
 *
 * @param root descriptor of the folder, which stays the caller's
 * @throws {ContainerError} when a file gets shorter while it is read; Unsupported for a layer that cannot
 *   say what is there, and for names that nobody could unpack
 * @throws {SysError}
 */
export function* treeArchive(
  root: number,
  options: TreeOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  yield* new TreeReader(options).tree(root);
  yield END_MARK;
}

/** Image-spec, layer.md: what comes before the name of what is gone, and what stands for all in a folder. */
const WHITEOUT_PREFIX = ".wh.";
const OPAQUE_WHITEOUT = ".wh..wh..opq";

/** A folder of which some names are still to be read. */
interface OpenFolder {
  readonly folder: Fd;
  /** What the paths of its members begin with. */
  readonly prefix: ByteString;
  /** The last one first. */
  names: ByteString[];
}

class TreeReader {
  readonly #options: TreeOptions;
  /** From the root to the one that is being read: functions within each other would be too many for deep trees. */
  readonly #open: OpenFolder[] = [];
  /** The first name of each file of several. */
  readonly #names = new Map<string, ByteString>();

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  *tree(root: number): Generator<Uint8Array<ArrayBuffer>> {
    try {
      yield* this.#enter(root, "", statx(root));
      for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
        const leaf = top.names.pop();
        if (leaf === undefined) this.#open.pop()!.folder[Symbol.dispose]();
        else yield* this.#member(top.folder.number, top.prefix, leaf);
      }
    } finally {
      for (const { folder } of this.#open) folder[Symbol.dispose]();
    }
  }

  /** The folder itself; what is in it comes next. */
  *#enter(fd: number, path: ByteString, status: FileStatus): Generator<Uint8Array<ArrayBuffer>> {
    const folder = new Fd(openat(fd, ".", O_RDONLY | O_DIRECTORY));
    const name = path === "" ? "./" : `${path}/`;
    const prefix = path === "" ? "" : name;
    const opened: OpenFolder = { folder, prefix, names: [] };
    this.#open.push(opened);
    const xattrs = keptXattrs(folder.number, "folder");
    yield tarHeader({ ...plainMember(name, "folder", status), xattrs });
    if (this.#options.layer) assertWhole(folder.number, name);
    const opaque = this.#options.layer && fgetxattr(folder.number, OPAQUE) !== undefined;
    if (opaque) yield whiteout(`${prefix}${OPAQUE_WHITEOUT}`);
    opened.names = namesIn(folder.number).reverse();
  }

  *#member(
    folder: number,
    prefix: ByteString,
    leaf: ByteString,
  ): Generator<Uint8Array<ArrayBuffer>> {
    const path = `${prefix}${leaf}`;
    using place = tryPlace(folder, leaf);
    // Who lives in the tree may have removed it since it was listed.
    if (place === undefined) return;
    const status = statx(place.number);
    const type = typeOf(status);
    if (type === undefined || this.#options.leaveOut?.(path, status)) return;
    if (path.length > PATH_LIMIT) throw tooLong(path);
    if (this.#options.layer && leaf.startsWith(WHITEOUT_PREFIX)) throw ambiguous(path);
    if (this.#options.layer && isWhiteout(status)) {
      yield whiteout(`${prefix}${WHITEOUT_PREFIX}${leaf}`);
      return;
    }
    if (type === "folder") {
      // A descriptor of O_PATH is enough to go in.
      yield* this.#enter(place.number, path, status);
      return;
    }
    const first = this.#firstName(path, status);
    if (first !== path) {
      yield tarHeader({ ...plainMember(path, "hard link", status), linkname: first });
    } else if (type === "file") {
      using file = openContent(place.number);
      if (this.#options.layer) assertWhole(file.number, path);
      yield* wholeFile(file.number, path);
    } else {
      yield tarHeader(specialMember(place.number, path, status));
    }
  }

  #firstName(path: ByteString, status: FileStatus): ByteString {
    if (status.nlink < 2) return path;
    const identity = identityOf(status);
    const first = this.#names.get(identity);
    if (first === undefined) this.#names.set(identity, path);
    return first ?? path;
  }
}

function tryPlace(folder: number, leaf: ByteString): Fd | undefined {
  try {
    return new Fd(openat(folder, toCString(leaf), O_PATH | O_NOFOLLOW));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Attributes by which overlayfs keeps less than a whole file or folder in a layer. */
const PARTIAL = ["trusted.overlay.redirect", "trusted.overlay.metacopy"];

function assertWhole(fd: number, path: ByteString): void {
  if (PARTIAL.every((name) => fgetxattr(fd, name) === undefined)) return;
  throw new ContainerError(`read ${quoteName(path)}: a part of it lies in another layer`, {
    code: "Unsupported",
    hint: "Load the kernel's module overlay with redirect_dir=off and metacopy=off",
  });
}

function tooLong(path: ByteString): ContainerError {
  return new ContainerError(
    `read ${quoteName(path)}: its name is too long to be unpacked anywhere`,
    {
      code: "Unsupported",
      hint: `Move or remove it first: Linux takes ${PATH_LIMIT} bytes`,
    },
  );
}

function ambiguous(path: ByteString): ContainerError {
  return new ContainerError(
    `read ${
      quoteName(path)
    }: in a layer a name that begins with ".wh." stands for a file that is gone`,
    { code: "Unsupported", hint: "Rename or remove it first" },
  );
}

function* wholeFile(fd: number, path: ByteString): Generator<Uint8Array<ArrayBuffer>> {
  const entry = fileMember(fd, path);
  yield tarHeader(entry);
  for (const { offset, length } of entry.sparse ?? [{ offset: 0, length: entry.size }]) {
    if (entry.sparse !== undefined) lseek(fd, offset, SEEK_SET);
    yield* content(fd, length, path);
  }
  yield padding(storedSize(entry));
}

function* content(
  fd: number,
  length: number,
  path: ByteString,
): Generator<Uint8Array<ArrayBuffer>> {
  for (let left = length; left > 0;) {
    const piece = read(fd, alloc(Math.min(PIECE, left)));
    if (piece.length === 0) {
      throw new ContainerError(`read ${quoteName(path)}: it became shorter meanwhile`, {
        hint: "Stop what writes to it first",
      });
    }
    left -= piece.length;
    yield piece;
    release(piece);
  }
}

function whiteout(name: ByteString): Uint8Array<ArrayBuffer> {
  const mtime = { seconds: 0, nanoseconds: 0 };
  const numbers = { mode: 0o644, uid: 0, gid: 0, mtime, size: 0, major: 0, minor: 0 };
  return tarHeader({ type: "file", name, linkname: "", ...numbers, xattrs: new Map() });
}

function namesIn(folder: number): ByteString[] {
  const names: ByteString[] = [];
  for (let entries = getdents64(folder); entries.length > 0; entries = getdents64(folder)) {
    for (const { name } of entries) names.push(toByteString(name.subarray(0, -1)));
  }
  return names.sort();
}
