import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
} from "../../ffi/constants.ts";
import {
  close,
  fchmod,
  fchmodat,
  fchownat,
  ftruncate,
  linkat,
  mkdirat,
  mknodat,
  openat,
  openat2,
  pwriteAll,
  symlinkat,
  tryStatx,
  unlinkat,
  utimensat,
  writeAll,
} from "../../ffi/file.ts";
import { fsetxattr } from "../../ffi/xattr.ts";
import { SysError } from "../errors.ts";
import { removeTree } from "../file_tree.ts";
import { warn } from "../trace.ts";
import { ArchiveFault } from "./fault.ts";
import { type ByteString, quoteName, toCString } from "./tar/bytes.ts";
import type { TarEntry } from "./tar/entry.ts";
import type { TarSink } from "./tar/reader.ts";

/** A name of an archive, checked: a folder in the tree and a name in that folder. */
interface Place {
  /** Relative to the root and without `.` or `..`; empty for the root itself. */
  readonly folder: ByteString;
  /** Empty for the root. */
  readonly leaf: ByteString;
}

/** Bytes in a path that the kernel takes, less the closing NUL (PATH_MAX, limits.h). */
const PATH_LIMIT = 4095;
/** Bytes in one part of it (NAME_MAX). */
const NAME_LIMIT = 255;
/** Open folders that are kept: entries of one folder mostly stand together. */
const OPEN_FOLDERS = 32;

/**
 * Writes the members of an archive below a folder, and nowhere else, whatever their names say.
 *
 * Every path is taken relative to the descriptor of that folder; the kernel refuses the parent when
 * the way there leaves the folder or passes through a symbolic link (openat2(2)). The last part is
 * made anew after what stood there was unlinked, and never followed. So the last of several members
 * with one name wins; only a folder over a folder keeps the content.
 *
 * Owners, modes, times and extended attributes are set last of all for folders, as what is put into
 * a folder changes its time, and may take over its group and access control list.
 */
export class RootfsWriter implements TarSink, Disposable {
  readonly #root: number;
  readonly #open = new Map<ByteString, number>();
  readonly #folders = new Map<ByteString, TarEntry>();
  #entry: TarEntry | undefined;
  /** The file that is being written, or -1. */
  #file = -1;
  #warned = false;

  /** @param root descriptor of the folder, which stays the caller's. */
  constructor(root: number) {
    this.#root = root;
  }

  /**
   * Makes a member.
   *
   * @throws {ArchiveFault} for a name that leads out of the folder or cannot be
   * @throws {SysError} for what the system refuses
   */
  entry(entry: TarEntry): void {
    this.#entry = entry;
    checkNumbers(entry);
    const place = placeOf(entry.name, entry.name);
    if (place.leaf === "") {
      if (entry.type !== "folder") {
        throw new ArchiveFault(`is hostile: its root is a ${entry.type}`);
      }
      this.#folders.set("", entry);
      return;
    }
    const parent = this.#folder(place.folder);
    const leaf = toCString(place.leaf);
    switch (entry.type) {
      case "folder":
        this.#makeFolder(parent, place, leaf);
        this.#folders.set(join(place), entry);
        break;
      case "file":
        this.#anew(parent, place, () => {
          this.#file = openat(parent, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        });
        break;
      case "hard link":
        this.#link(parent, place, leaf, entry.linkname);
        break;
      case "symbolic link":
        if (entry.linkname === "") {
          throw new ArchiveFault(`is broken: the link ${quoteName(entry.name)} leads nowhere`);
        }
        this.#anew(parent, place, () => symlinkat(toCString(entry.linkname), parent, leaf));
        this.#setOwnerAndTime(parent, leaf, entry);
        break;
      default: {
        const kind = { "character device": S_IFCHR, "block device": S_IFBLK, "fifo": S_IFIFO };
        const { major, minor } = entry;
        const mode = kind[entry.type] | 0o600;
        this.#anew(parent, place, () => mknodat(parent, leaf, mode, major, minor));
        fchownat(parent, leaf, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
        // It was made just now in a folder that is nobody else's, so it is no symbolic link.
        fchmodat(parent, leaf, entry.mode);
        this.#setTime(parent, leaf, entry);
      }
    }
  }

  /** Writes content of the file that was made last. */
  data(bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    if (this.#entry?.sparse === undefined) writeAll(this.#file, bytes);
    else pwriteAll(this.#file, bytes, offset);
  }

  /** Completes the member: what was written and who owns it is settled before the mode is. */
  end(): void {
    if (this.#file < 0) return;
    const entry = this.#entry!;
    const file = this.#file;
    if (entry.sparse !== undefined) ftruncate(file, entry.size);
    this.#setAttributes(file, entry);
    this.#file = -1;
    close(file);
  }

  /** Settles the folders. To be called once, after the last member. */
  finish(): void {
    for (const [path, entry] of this.#folders) {
      this.#entry = entry;
      const folder = this.#openBeneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        this.#setAttributes(folder, entry);
      } finally {
        close(folder);
      }
    }
  }

  /** The member at work when something failed. */
  get current(): ByteString | undefined {
    return this.#entry?.name;
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) close(this.#file);
    this.#file = -1;
    this.#forget();
  }

  /** A descriptor of a folder of the tree, made with its parents where there is none. */
  #folder(path: ByteString): number {
    if (path === "") return this.#root;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const folder = this.#tryOpen(path) ?? this.#makeMissing(path);
    if (this.#open.size >= OPEN_FOLDERS) this.#forget();
    this.#open.set(path, folder);
    return folder;
  }

  #tryOpen(path: ByteString): number | undefined {
    try {
      return this.#openBeneath(path, O_PATH | O_DIRECTORY);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      switch (error.code) {
        case "ENOENT":
          return undefined;
        case "ELOOP":
        case "EXDEV":
          throw hostile(this.#entry!.name, "passes through a symbolic link");
        case "ENOTDIR":
          throw hostile(this.#entry!.name, "passes through a file");
      }
      throw error;
    }
  }

  #openBeneath(path: ByteString, flags: number): number {
    const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return openat2(this.#root, path === "" ? "." : toCString(path), flags, resolve);
  }

  #makeMissing(path: ByteString): number {
    const place = split(path);
    const parent = this.#folder(place.folder);
    const leaf = toCString(place.leaf);
    mkdirat(parent, leaf, 0o700);
    const folder = this.#openBeneath(path, O_RDONLY | O_DIRECTORY);
    settleUnlisted(folder);
    return folder;
  }

  #makeFolder(parent: number, place: Place, leaf: Uint8Array<ArrayBuffer>): void {
    try {
      mkdirat(parent, leaf, 0o700);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
      const there = tryStatx(parent, leaf, AT_SYMLINK_NOFOLLOW);
      if (there !== undefined && (there.mode & S_IFMT) === S_IFDIR) return;
      this.#remove(parent, place);
      mkdirat(parent, leaf, 0o700);
    }
  }

  #link(
    parent: number,
    place: Place,
    leaf: Uint8Array<ArrayBuffer>,
    linkname: ByteString,
  ): void {
    const target = placeOf(linkname, this.#entry!.name);
    const path = join(target);
    if (target.leaf === "") throw hostile(this.#entry!.name, "is a hard link to the root");
    const folder = target.folder === "" ? this.#root : this.#tryOpen(target.folder);
    try {
      const name = toCString(target.leaf);
      const there = folder === undefined ? undefined : tryStatx(folder, name, AT_SYMLINK_NOFOLLOW);
      if (folder === undefined || there === undefined) {
        throw new ArchiveFault(
          `is broken: ${quoteName(this.#entry!.name)} is a hard link to ${
            quoteName(linkname)
          }, which is not there`,
        );
      }
      if ((there.mode & S_IFMT) === S_IFDIR) {
        throw hostile(this.#entry!.name, "is a hard link to a folder");
      }
      if (path === join(place)) return;
      if (isWithin(path, join(place))) {
        throw new ArchiveFault(
          `is broken: ${quoteName(this.#entry!.name)} is a hard link to what it takes the place of`,
        );
      }
      this.#anew(parent, place, () => linkat(folder, name, parent, leaf));
    } finally {
      if (folder !== undefined && folder !== this.#root) close(folder);
    }
  }

  /** Makes something; where there is something already, that is removed first. */
  #anew(parent: number, place: Place, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
      this.#remove(parent, place);
      make();
    }
  }

  #remove(parent: number, place: Place): void {
    try {
      unlinkat(parent, toCString(place.leaf));
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EISDIR")) throw error;
      const path = join(place);
      this.#forget(path);
      for (const folder of this.#folders.keys()) {
        if (isWithin(folder, path)) this.#folders.delete(folder);
      }
      removeTree(parent, toCString(place.leaf));
    }
  }

  /** Closes the open folders, or those within a path that is to go. */
  #forget(path?: ByteString): void {
    for (const [folder, fd] of this.#open) {
      if (path !== undefined && !isWithin(folder, path)) continue;
      this.#open.delete(folder);
      close(fd);
    }
  }

  /** Owner first: chown(2) clears the set-user-id bits and file capabilities. */
  #setAttributes(fd: number, entry: TarEntry): void {
    fchownat(fd, "", entry.uid, entry.gid, AT_EMPTY_PATH);
    for (const [name, value] of entry.xattrs) {
      if (isKept(name, entry)) this.#setXattr(fd, name, value);
    }
    fchmod(fd, entry.mode);
    utimensat(fd, null, entry.mtime.seconds, entry.mtime.nanoseconds);
  }

  #setXattr(fd: number, name: ByteString, value: Uint8Array<ArrayBuffer>): void {
    try {
      fsetxattr(fd, toCString(name), value);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      const member = quoteName(this.#entry!.name);
      if (error.code !== "EOPNOTSUPP") {
        throw new ArchiveFault(
          `is broken: the attribute ${quoteName(name)} of ${member} cannot be set (${error.code})`,
          { cause: error },
        );
      }
      if (!this.#warned) {
        warn(
          `the images folder's file system keeps no attribute ${quoteName(name)} (of ${member})`,
        );
      }
      this.#warned = true;
    }
  }

  #setOwnerAndTime(parent: number, leaf: Uint8Array<ArrayBuffer>, entry: TarEntry): void {
    fchownat(parent, leaf, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
    this.#setTime(parent, leaf, entry);
  }

  #setTime(parent: number, leaf: Uint8Array<ArrayBuffer>, { mtime }: TarEntry): void {
    utimensat(parent, leaf, mtime.seconds, mtime.nanoseconds, AT_SYMLINK_NOFOLLOW);
  }
}

/** A folder that no archive lists is root's, mode 0755, whatever it took over from the one above. */
export function settleUnlisted(folder: number): void {
  fchownat(folder, "", 0, 0, AT_EMPTY_PATH);
  fchmod(folder, 0o755);
}

/**
 * Takes a name apart, without its empty and `.` parts.
 *
 * @param member whose name or link it is, for the message
 */
function placeOf(name: ByteString, member: ByteString): Place {
  const how = name === member ? "" : "is a hard link that ";
  if (name.startsWith("/")) throw hostile(member, `${how}begins with "/"`);
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw hostile(member, `${how}has ".." in it`);
  if (name === "") throw new ArchiveFault("is broken: it has a member without a name");
  const path = parts.join("/");
  if (path.length > PATH_LIMIT || parts.some((part) => part.length > NAME_LIMIT)) {
    throw new ArchiveFault(`has a name that is too long for Linux: ${quoteName(name)}`);
  }
  return split(path);
}

function split(path: ByteString): Place {
  const slash = path.lastIndexOf("/");
  return slash < 0
    ? { folder: "", leaf: path }
    : { folder: path.slice(0, slash), leaf: path.slice(slash + 1) };
}

function join({ folder, leaf }: Place): ByteString {
  return folder === "" ? leaf : `${folder}/${leaf}`;
}

function isWithin(path: ByteString, folder: ByteString): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function hostile(member: ByteString, how: string): ArchiveFault {
  return new ArchiveFault(`is hostile: ${quoteName(member)} ${how}`);
}

/** Ids are 32 bits, the highest of them stands for "leave it" (chown(2)); device numbers 12 and 20. */
function checkNumbers({ name, uid, gid, major, minor }: TarEntry): void {
  const fits = isUpTo(uid, 0xfffffffe) && isUpTo(gid, 0xfffffffe) &&
    isUpTo(major, 0xfff) && isUpTo(minor, 0xfffff);
  if (fits) return;
  throw new ArchiveFault(`is broken: an owner or device number of ${quoteName(name)} is too large`);
}

function isUpTo(value: number, most: number): boolean {
  return value >= 0 && value <= most;
}

/**
 * Attributes that a root file system may bring along: those of users, file capabilities and access
 * control lists. Others steer the host's kernel: `trusted.overlay.*` and `user.overlay.*` redirect
 * look-ups of an overlay, `security.*` are labels of the host's policy.
 */
function isKept(name: ByteString, { type }: TarEntry): boolean {
  if (name.startsWith("user.")) return !name.startsWith("user.overlay.");
  return name === "security.capability" || name === "system.posix_acl_access" ||
    (name === "system.posix_acl_default" && type === "folder");
}
