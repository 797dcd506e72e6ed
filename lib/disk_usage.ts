import {
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from "../ffi/constants.ts";
import { getdents64 } from "../ffi/directory.ts";
import { Fd, openat, openat2, statx, tryStatx } from "../ffi/file.ts";
import { SysError } from "./errors.ts";

/** What a tree takes on the disk. */
export interface DiskUsage {
  bytes: number;
  /** Files of all kinds, each counted once whatever number of names it has. */
  files: number;
}

/**
 * Measures the tree below a folder, the folder itself included. Symbolic links are counted, never
 * followed; what vanishes meanwhile does not count.
 *
 * @param dirfd an open folder
 * @param name the tree's name in it
 */
export function diskUsage(dirfd: number, name: string): DiskUsage {
  const usage: DiskUsage = { bytes: 0, files: 0 };
  const seen = new Set<string>();
  using root = new Fd(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  usage.bytes += statx(root.number).diskSize;
  usage.files++;
  // Paths from the root on, each with a closing slash, as bytes: names need not be UTF-8.
  const left: Uint8Array[] = [new Uint8Array(0)];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    using folder = openBelow(root.number, path);
    if (folder === undefined) continue;
    for (let all = getdents64(folder.number); all.length > 0; all = getdents64(folder.number)) {
      for (const entry of all) {
        const status = tryStatx(folder.number, entry.name, AT_SYMLINK_NOFOLLOW);
        if (status === undefined) continue;
        const isFolder = (status.mode & S_IFMT) === S_IFDIR;
        if (!isFolder && status.nlink > 1) {
          const identity = `${status.dev.major}:${status.dev.minor}:${status.ino}`;
          if (seen.has(identity)) continue;
          seen.add(identity);
        }
        usage.bytes += status.diskSize;
        usage.files++;
        if (isFolder) left.push(joined(path, entry.name));
      }
    }
  }
  return usage;
}

/** Undefined when it is gone, or too deep for any program to get at. */
function openBelow(root: number, path: Uint8Array): Fd | undefined {
  const name = new Uint8Array(new ArrayBuffer(path.length + 2));
  name.set(path);
  name[path.length] = DOT;
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  try {
    return new Fd(openat2(root, name, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  } catch (error) {
    const gone = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];
    if (error instanceof SysError && gone.includes(error.code)) return undefined;
    throw error;
  }
}

const DOT = 0x2e;
const SLASH = 0x2f;

/** @param name with its closing NUL, which becomes the slash. */
function joined(path: Uint8Array, name: Uint8Array): Uint8Array {
  const whole = new Uint8Array(path.length + name.length);
  whole.set(path);
  whole.set(name, path.length);
  whole[whole.length - 1] = SLASH;
  return whole;
}
