import {
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/constants.ts";
import { getdents64 } from "../../../ffi/directory.ts";
import {
  Fd,
  type FileStatus,
  openat,
  openat2,
  read,
  readlinkatBytes,
  tryStatx,
} from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import { fgetxattr, flistxattr } from "../../../ffi/xattr.ts";
import { type ByteString, toByteString, toCString } from "../tar/bytes.ts";
import { identityOf } from "./member.ts";
import { isWhiteout } from "./writer.ts";

/** Bytes of a file that are read at a time. */
const PIECE = 256 * 1024;

/** Where two trees differ, and in what. */
export interface Difference {
  readonly path: ByteString;
  /** In words that follow the path: `its content`. */
  readonly what: string;
}

/**
 * Compares two trees to the first difference: names, types, modes, owners, device numbers, link targets,
 * which names are of one file, times of all but folders and whiteouts, extended attributes and content. Nothing is followed.
 *
 * @param a descriptor of a folder, which stays the caller's
 * @param b likewise
 */
export function firstDifference(a: number, b: number): Difference | undefined {
  const left: ByteString[] = ["."];
  const links = new HardLinks();
  const buffers = [alloc(PIECE), alloc(PIECE)] as const;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    using one = openFolder(a, path);
    using other = openFolder(b, path);
    const [names, otherNames] = [namesIn(one.number), namesIn(other.number)];
    const [odd] = names.symmetricDifference(otherNames);
    if (odd !== undefined) return { path: join(path, odd), what: "is in one of them only" };
    const what = attributesDiffer(one.number, other.number);
    if (what !== undefined) return { path, what };
    for (const name of names) {
      const full = join(path, name);
      const kind = compareEntry(
        one.number,
        other.number,
        name,
        (a, b) => links.areSame(full, a, b),
        buffers,
      );
      if (kind === "folder") left.push(full);
      else if (kind !== undefined) return { path: full, what: kind };
    }
  }
  return undefined;
}

/**
 * Which names of a tree are of one file. Not counted by the kernel, as a tree may have files in common
 * with others.
 */
class HardLinks {
  readonly #first = [new Map<string, ByteString>(), new Map<string, ByteString>()] as const;

  /** Whether a path is another name of the same path in both trees, or of none in both. */
  areSame(path: ByteString, a: FileStatus, b: FileStatus): boolean {
    const [one, other] = this.#first;
    return firstName(one, path, a) === firstName(other, path, b);
  }
}

function firstName(
  names: Map<string, ByteString>,
  path: ByteString,
  status: FileStatus,
): ByteString {
  if (status.nlink < 2) return path;
  const identity = identityOf(status);
  const first = names.get(identity);
  if (first === undefined) names.set(identity, path);
  return first ?? path;
}

/** What differs; `folder` for two folders, of which more is to be compared. */
function compareEntry(
  a: number,
  b: number,
  name: ByteString,
  areSameLinks: (a: FileStatus, b: FileStatus) => boolean,
  buffers: Buffers,
): string | undefined {
  const path = toCString(name);
  const one = tryStatx(a, path, AT_SYMLINK_NOFOLLOW);
  const other = tryStatx(b, path, AT_SYMLINK_NOFOLLOW);
  if (one === undefined || other === undefined) return "is in one of them only";
  const what = statusDiffers(one, other);
  if (what !== undefined) return what;
  if ((one.mode & S_IFMT) === S_IFDIR) return "folder";
  if (!areSameLinks(one, other)) return "is a name of another file";
  switch (one.mode & S_IFMT) {
    case S_IFLNK:
      return isEqual(readlinkatBytes(a, path), readlinkatBytes(b, path))
        ? undefined
        : "has another target";
    case S_IFREG: {
      using file = new Fd(openat(a, path, O_RDONLY | O_NOFOLLOW));
      using second = new Fd(openat(b, path, O_RDONLY | O_NOFOLLOW));
      return attributesDiffer(file.number, second.number) ??
        (contentDiffers(file.number, second.number, buffers) ? "has another content" : undefined);
    }
    default:
      return undefined;
  }
}

function statusDiffers(a: FileStatus, b: FileStatus): string | undefined {
  if (a.mode !== b.mode) return "has another type or mode";
  if (a.uid !== b.uid || a.gid !== b.gid) return "has another owner";
  if (a.rdev.major !== b.rdev.major || a.rdev.minor !== b.rdev.minor) return "is another device";
  // What a folder is depends on its file system, and its time on what was put into it.
  if ((a.mode & S_IFMT) === S_IFDIR || isWhiteout(a)) return undefined;
  if (a.size !== b.size) return "has another size";
  return a.mtime === b.mtime ? undefined : "has another time";
}

function attributesDiffer(a: number, b: number): string | undefined {
  const [names, others] = [flistxattr(a), flistxattr(b)].map((all) => all.map(toByteString).sort());
  const same = names!.length === others!.length &&
    names!.every((name, index) => name === others![index]) &&
    names!.every((name) => {
      const text = toCString(name.slice(0, -1));
      return isEqual(fgetxattr(a, text) ?? NOTHING, fgetxattr(b, text) ?? NOTHING);
    });
  return same ? undefined : "has other attributes";
}

const NOTHING = new Uint8Array(0);

/** Memory for what is read of two files, the same for all of them: trees have very many. */
type Buffers = readonly [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];

function contentDiffers(a: number, b: number, [buffer, other]: Buffers): boolean {
  for (;;) {
    const piece = read(a, buffer);
    if (!isEqual(piece, read(b, other))) return true;
    if (piece.length === 0) return false;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Many times as fast as every() with a function.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function openFolder(root: number, path: ByteString): Fd {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  return new Fd(openat2(root, toCString(path), flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
}

function namesIn(folder: number): Set<ByteString> {
  const names = new Set<ByteString>();
  for (let all = getdents64(folder); all.length > 0; all = getdents64(folder)) {
    for (const { name } of all) names.add(toByteString(name.subarray(0, -1)));
  }
  return names;
}

function join(path: ByteString, name: ByteString): ByteString {
  return path === "." ? name : `${path}/${name}`;
}
