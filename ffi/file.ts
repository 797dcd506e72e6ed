import { cstring, fromCString, keepAddress, type Name, utf8 } from "./cstring.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "./constants.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
import { poll } from "./poll.ts";
import { SCRATCH } from "./scratch.ts";
import { alloc, struct } from "./struct.ts";

/** struct open_how, openat2(2). */
export const open_how = struct("open_how", 24, {
  flags: [0, "u64"],
  mode: [8, "u64"],
  resolve: [16, "u64"],
});

/** struct statx, statx(2): the fields that are used. */
export const statx_struct = struct("statx", 256, {
  stx_mask: [0, "u32"],
  stx_nlink: [16, "u32"],
  stx_uid: [20, "u32"],
  stx_gid: [24, "u32"],
  stx_mode: [28, "u16"],
  stx_ino: [32, "u64"],
  stx_size: [40, "u64"],
  stx_blocks: [48, "u64"],
  "stx_mtime.tv_sec": [112, "i64"],
  "stx_mtime.tv_nsec": [120, "u32"],
  stx_rdev_major: [128, "u32"],
  stx_rdev_minor: [132, "u32"],
  stx_dev_major: [136, "u32"],
  stx_dev_minor: [140, "u32"],
  stx_mnt_id: [144, "u64"],
});

/**
 * What statx(2) tells of a file. A field is read from the kernel's answer when it is asked for, as
 * most are not.
 */
export class FileStatus {
  readonly #bytes: Uint8Array;

  /** @param bytes a struct statx. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Type and permission bits. */
  get mode(): number {
    return statx_struct.get(this.#bytes, "stx_mode");
  }

  get nlink(): number {
    return statx_struct.get(this.#bytes, "stx_nlink");
  }

  get uid(): number {
    return statx_struct.get(this.#bytes, "stx_uid");
  }

  get gid(): number {
    return statx_struct.get(this.#bytes, "stx_gid");
  }

  get ino(): bigint {
    return statx_struct.get(this.#bytes, "stx_ino");
  }

  /** In bytes. */
  get size(): number {
    return Number(statx_struct.get(this.#bytes, "stx_size"));
  }

  /** What it takes on the disk, in bytes; holes take nothing. */
  get diskSize(): number {
    const BLOCK = 512;
    return Number(statx_struct.get(this.#bytes, "stx_blocks")) * BLOCK;
  }

  /** When the content was changed, in nanoseconds since 1970. */
  get mtime(): bigint {
    return statx_struct.get(this.#bytes, "stx_mtime.tv_sec") * 1_000_000_000n +
      BigInt(statx_struct.get(this.#bytes, "stx_mtime.tv_nsec"));
  }

  /** Of the device that it is. */
  get rdev(): { major: number; minor: number } {
    return {
      major: statx_struct.get(this.#bytes, "stx_rdev_major"),
      minor: statx_struct.get(this.#bytes, "stx_rdev_minor"),
    };
  }

  /** Of the mount that it was found by; the kernel tells it unasked. */
  get mountId(): bigint {
    return statx_struct.get(this.#bytes, "stx_mnt_id");
  }

  /** Of the file system that it is on. */
  get dev(): { major: number; minor: number } {
    return {
      major: statx_struct.get(this.#bytes, "stx_dev_major"),
      minor: statx_struct.get(this.#bytes, "stx_dev_minor"),
    };
  }
}

/** openat(2), always close-on-exec. `mode` is octal permission bits for O_CREAT. */
export function openat(dirfd: number, path: Name, flags: number, mode = 0): number {
  return syscall("openat", () => quote(path), dirfd, cstring(path), flags | O_CLOEXEC, mode);
}

/** openat2(2), always close-on-exec. `resolve` is RESOLVE_* bits. */
export function openat2(
  dirfd: number,
  path: Name,
  flags: number,
  resolve: number,
  mode = 0,
): number {
  const how = open_how.encode({ flags: flags | O_CLOEXEC, mode, resolve });
  return syscall("openat2", () => quote(path), dirfd, cstring(path), how, open_how.size);
}

/**
 * Opens a path of a container inside its root: symbolic links, also absolute ones and `..`, stay
 * within the tree below `rootfd`, magic links of /proc are refused. The only way in which a path
 * that a container or an image controls may be opened. The kernel answers EAGAIN when a rename
 * races with the look-up; it is tried again.
 */
export function openInRoot(rootfd: number, path: string, flags = O_PATH, mode = 0): number {
  const fd = tryInRoot(rootfd, path, flags, mode);
  if (fd !== -1) return fd;
  throw new SysError("openat2", errno(), quote(path));
}

/**
 * As {@link openInRoot}, but undefined where nothing is there (ENOENT, ENOTDIR). Absence is usual while
 * a root is prepared, and an exception costs ten times what the call does.
 */
export function tryOpenInRoot(rootfd: number, path: string, flags = O_PATH): number | undefined {
  const fd = tryInRoot(rootfd, path, flags, 0);
  if (fd !== -1) return fd;
  const code = errnoName(errno());
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw new SysError("openat2", errno(), quote(path));
}

/** -1 where it failed, with errno as the last attempt left it. */
function tryInRoot(rootfd: number, path: string, flags: number, mode: number): number {
  const ATTEMPTS = 128;
  /** Those that come at once: whoever renames for longer than they take is given the time to come to an end. */
  const QUICK = 32;
  const PAUSE = 1;
  const name = cstring(path);
  const how = howInRoot(flags, mode);
  for (let attempt = 1;; attempt++) {
    const fd = trySyscall("openat2", rootfd, name, how, open_how.size);
    if (fd !== -1 || attempt === ATTEMPTS || errnoName(errno()) !== "EAGAIN") return fd;
    if (attempt > QUICK) poll([], PAUSE);
  }
}

const howsInRoot = new Map<number, Uint8Array<ArrayBuffer>>();

/** The struct is the same for most calls. */
function howInRoot(flags: number, mode: number): Uint8Array<ArrayBuffer> {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const encode = () => open_how.encode({ flags: flags | O_CLOEXEC, mode, resolve });
  if (mode !== 0) return encode();
  const known = howsInRoot.get(flags) ?? keepAddress(encode());
  howsInRoot.set(flags, known);
  return known;
}

/** close(2). A descriptor that is closed twice is a mistake and throws EBADF. */
export function close(fd: number): void {
  // Linux frees the descriptor even when close tells EINTR or EIO: it is never to be repeated.
  if (trySyscall("close", fd) === -1 && errnoName(errno()) === "EBADF") {
    throw new SysError("close", errno(), String(fd));
  }
}

/** A descriptor that is closed at the end of its `using` scope. */
export class Fd implements Disposable {
  #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  /** The descriptor's number; -1 once it is closed or released. */
  get number(): number {
    return this.#fd;
  }
  /** Gives the descriptor away: it is not closed here any more. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }
  [Symbol.dispose](): void {
    if (this.#fd >= 0) close(this.release());
  }
}

/** read(2): the bytes read, empty at end of file. */
export function read(fd: number, buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const count = syscall("read", `${fd}`, fd, buffer, buffer.byteLength);
  return buffer.subarray(0, count);
}

/** write(2): the number of bytes taken, which may be fewer than given. `what` is what an error calls the file. */
export function write(fd: number, bytes: Uint8Array<ArrayBuffer>, what = `${fd}`): number {
  return syscall("write", what, fd, bytes, bytes.byteLength);
}

/** write(2) until all bytes are taken. */
export function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>, what?: string): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(write(fd, rest, what));
}

/** pread(2) until `buffer` is full, from `offset` bytes into the file; undefined where that has fewer. */
export function preadAll(
  fd: number,
  buffer: Uint8Array<ArrayBuffer>,
  offset: number,
): Uint8Array<ArrayBuffer> | undefined {
  for (let rest = buffer, at = offset; rest.length > 0;) {
    const count = syscall("pread64", `${fd}`, fd, rest, rest.length, at);
    if (count === 0) return undefined;
    rest = rest.subarray(count);
    at += count;
  }
  return buffer;
}

/** pwrite(2) until all bytes are taken, from `offset` bytes into the file. */
export function pwriteAll(fd: number, bytes: Uint8Array<ArrayBuffer>, offset: number): void {
  for (let rest = bytes, at = offset; rest.length > 0;) {
    const count = syscall("pwrite64", `${fd}`, fd, rest, rest.length, at);
    rest = rest.subarray(count);
    at += count;
  }
}

/**
 * copy_file_range(2): copies from the offset of one file to that of another; where the file system can,
 * they share the blocks then. Returns the number of bytes; 0 at the end of the file, undefined where
 * the kernel cannot copy between these two.
 */
export function copyFileRange(from: number, to: number, length: number): number | undefined {
  for (;;) {
    // More bytes at a time could be more than the result of a call tells.
    const most = Math.min(length, 2 ** 30);
    const count = trySyscall("copy_file_range", from, null, to, null, most, 0);
    if (count !== -1) return count;
    const code = errnoName(errno());
    if (["EXDEV", "EOPNOTSUPP", "EINVAL", "ENOSYS"].includes(code)) return undefined;
    if (code !== "EINTR") throw new SysError("copy_file_range", errno(), `${from} => ${to}`);
  }
}

/** ftruncate(2): sets the size in bytes; what is added reads as zeros and takes no space. */
export function ftruncate(fd: number, size: number): void {
  syscall("ftruncate", `${fd}`, fd, size);
}

/** fsync(2): waits until the file, or the folder's list of names, is on the disk. */
export function fsync(fd: number): void {
  syscall("fsync", `${fd}`, fd);
}

/** syncfs(2): waits until all of the file system that holds `fd` is on the disk. */
export function syncfs(fd: number): void {
  syscall("syncfs", `${fd}`, fd);
}

/** mkdirat(2). `mode` is octal, less the umask. */
export function mkdirat(dirfd: number, path: Name, mode: number): void {
  syscall("mkdirat", () => quote(path), dirfd, cstring(path), mode);
}

/** mknodat(2). `mode` is file type and octal permissions, less the umask; the device matters for S_IFCHR and S_IFBLK. */
export function mknodat(dirfd: number, path: Name, mode: number, major = 0, minor = 0): void {
  syscall("mknodat", () => quote(path), dirfd, cstring(path), mode, makedev(major, minor));
}

/** makedev(3): the device number as the kernel's 32-bit encoding has it. */
function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** symlinkat(2). */
export function symlinkat(target: Name, dirfd: number, path: Name): void {
  syscall(
    "symlinkat",
    () => `${quote(path)} -> ${quote(target)}`,
    cstring(target),
    dirfd,
    cstring(path),
  );
}

/** linkat(2). `flags` is 0 or AT_SYMLINK_FOLLOW or AT_EMPTY_PATH. */
export function linkat(
  olddirfd: number,
  oldpath: Name,
  newdirfd: number,
  newpath: Name,
  flags = 0,
): void {
  const detail = () => `${quote(newpath)} => ${quote(oldpath)}`;
  syscall("linkat", detail, olddirfd, cstring(oldpath), newdirfd, cstring(newpath), flags);
}

/** unlinkat(2). `flags` is 0 or AT_REMOVEDIR. */
export function unlinkat(dirfd: number, path: Name, flags = 0): void {
  syscall("unlinkat", () => quote(path), dirfd, cstring(path), flags);
}

/** unlinkat(2) of what is no folder, or not there; false when it is a folder. */
export function tryUnlink(dirfd: number, path: Name): boolean {
  if (trySyscall("unlinkat", dirfd, cstring(path), 0) !== -1) return true;
  const number = errno();
  const code = errnoName(number);
  if (code === "ENOENT") return true;
  if (code === "EISDIR") return false;
  throw new SysError("unlinkat", number, quote(path));
}

/** renameat2(2). */
export function renameat2(
  olddirfd: number,
  oldpath: string,
  newdirfd: number,
  newpath: string,
  flags = 0,
): void {
  const detail = `${quote(oldpath)} to ${quote(newpath)}`;
  syscall("renameat2", detail, olddirfd, cstring(oldpath), newdirfd, cstring(newpath), flags);
}

/** readlinkat(2): the link's text, at most 4095 bytes. */
export function readlinkat(dirfd: number, path: Name): string {
  return fromCString(readlinkatBytes(dirfd, path));
}

/** readlinkat(2): the link's text as it is, at most 4095 bytes, without a closing NUL. */
export function readlinkatBytes(dirfd: number, path: Name): Uint8Array<ArrayBuffer> {
  const buffer = alloc(4096);
  const detail = () => quote(path);
  const length = syscall("readlinkat", detail, dirfd, cstring(path), buffer, buffer.length - 1);
  return buffer.subarray(0, length);
}

/** fchownat(2). `flags` is 0, AT_SYMLINK_NOFOLLOW or AT_EMPTY_PATH; an id of -1 is left alone. */
export function fchownat(
  dirfd: number,
  path: Name,
  owner: number,
  group: number,
  flags: number,
): void {
  syscall("fchownat", () => quote(path), dirfd, cstring(path), owner, group, flags);
}

/** fchmodat(2), which follows a symbolic link. `mode` is octal. */
export function fchmodat(dirfd: number, path: Name, mode: number): void {
  syscall("fchmodat", () => quote(path), dirfd, cstring(path), mode);
}

/** fchmod(2). `mode` is octal. */
export function fchmod(fd: number, mode: number): void {
  syscall("fchmod", `${fd}`, fd, mode);
}

/** statx(2) on a path, or with an empty path on the descriptor itself. `flags` is AT_* bits. */
export function statx(dirfd: number, path: Name = "", flags = AT_EMPTY_PATH): FileStatus {
  const status = fileStatus(dirfd, path, flags);
  if (typeof status !== "number") return status;
  throw new SysError("statx", status, quote(path || `${dirfd}`));
}

/** statx(2); undefined when there is no such file (ENOENT, ENOTDIR), which costs no exception. */
export function tryStatx(dirfd: number, path: Name, flags = 0): FileStatus | undefined {
  const status = fileStatus(dirfd, path, flags);
  if (typeof status !== "number") return status;
  const code = errnoName(status);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw new SysError("statx", status, quote(path || `${dirfd}`));
}

/** The status, or the error number. */
function fileStatus(dirfd: number, path: Name, flags: number): FileStatus | number {
  const STATX_BASIC_STATS = 0x7ff;
  while (trySyscall("statx", dirfd, cstring(path), flags, STATX_BASIC_STATS, SCRATCH) === -1) {
    const number = errno();
    if (errnoName(number) !== "EINTR") return number;
  }
  return new FileStatus(SCRATCH.slice(0, statx_struct.size));
}

/**
 * utimensat(2): sets the time of change, and of access to the same; with a null path of the file
 * that is open as `dirfd`. Nanoseconds are 0 to 999,999,999. `flags` is 0 or AT_SYMLINK_NOFOLLOW.
 */
export function utimensat(
  dirfd: number,
  path: Name | null,
  seconds: number,
  nanoseconds: number,
  flags = 0,
): void {
  const times = alloc(32);
  const view = new DataView(times.buffer);
  for (const base of [0, 16]) {
    view.setBigInt64(base, BigInt(seconds), true);
    view.setBigInt64(base + 8, BigInt(nanoseconds), true);
  }
  const name = path === null ? null : cstring(path);
  syscall("utimensat", () => quote(path ?? `${dirfd}`), dirfd, name, times, flags);
}

/** flock(2) with LOCK_SH or LOCK_EX, waiting until it is had. */
export function flock(fd: number, operation: number): void {
  syscall("flock", `${fd}`, fd, operation);
}

/** flock(2) with LOCK_NB: whether the lock was to be had at once. */
export function tryFlock(fd: number, operation: number): boolean {
  if (trySyscall("flock", fd, operation | LOCK_NB) !== -1) return true;
  if (errnoName(errno()) === "EAGAIN") return false;
  throw new SysError("flock", errno(), `${fd}`);
}

/** flock(2) operations. */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
const LOCK_NB = 4;

/** umask(2): sets the mask and returns the one before. */
export function umask(mask: number): number {
  return syscall("umask", mask.toString(8), mask);
}

/** A path as it stands in an error message. */
export function quote(path: Name): string {
  return JSON.stringify(typeof path === "string" ? path : fromCString(path));
}

/** lseek(2): SEEK_SET from the beginning, SEEK_DATA to the next data, SEEK_HOLE to the next hole. */
export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** lseek(2) to the beginning. */
export function lseekToStart(fd: number): void {
  syscall("lseek", `${fd}`, fd, 0, SEEK_SET);
}

/**
 * lseek(2): moves a file's offset. The new one is not returned, as it may have more bits than the
 * result of {@link syscall}: it stands in /proc/self/fdinfo. False at the end of the file (ENXIO).
 */
export function lseek(fd: number, offset: number, whence: number): boolean {
  if (trySyscall("lseek", fd, offset, whence) !== -1) return true;
  if (errnoName(errno()) === "ENXIO") return false;
  throw new SysError("lseek", errno(), `${fd}`);
}

/** faccessat2(2): throws unless the access in `mode` (R_OK, W_OK, X_OK) is allowed. */
export function faccessat2(dirfd: number, path: string, mode: number, flags: number): void {
  syscall("faccessat2", quote(path), dirfd, cstring(path), mode, flags);
}

/**
 * The text of a file, by read(2) to its end: also of one in /proc or a cgroup, whose size is not known
 * before. `Deno.readTextFileSync` makes more than twice as many calls, and costs a start of its own.
 *
 * @throws {SysError} ENOENT when there is no such file.
 */
export function readFile(path: string, dirfd = AT_FDCWD): string {
  using file = new Fd(openat(dirfd, path, O_RDONLY));
  let buffer = SCRATCH;
  for (let length = 0;;) {
    const count = read(file.number, length === 0 ? buffer : buffer.subarray(length)).length;
    if (count === 0) return utf8(buffer.subarray(0, length));
    length += count;
    if (length < buffer.length) continue;
    const larger = alloc(2 * length);
    larger.set(buffer);
    buffer = larger;
  }
}

/** Writes a file of the given octal mode (less the umask), made or cut to nothing first; a link in its place is refused. */
export function writeFile(path: string, text: string, mode: number): void {
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  using file = new Fd(openat(AT_FDCWD, path, flags, mode));
  const bytes = cstring(text);
  writeAll(file.number, bytes.subarray(0, bytes.length - 1), quote(path));
}

/** As {@link writeFile}, but there whole or not at all, for who reads it meanwhile and whatever happens. */
export function replaceFile(path: string, text: string, mode: number): void {
  writeFile(`${path}.new`, text, mode);
  renameat2(AT_FDCWD, `${path}.new`, AT_FDCWD, path);
}

/** mkdir(2), true; false when something of that name is there already. */
export function tryMkdir(path: string, mode: number): boolean {
  if (trySyscall("mkdirat", AT_FDCWD, cstring(path), mode) !== -1) return true;
  if (errnoName(errno()) === "EEXIST") return false;
  throw new SysError("mkdirat", errno(), quote(path));
}
