import {
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
  S_IFLNK,
  S_IFMT,
} from "../../../ffi/constants.ts";
import {
  close,
  fchmodat,
  fchownat,
  Fd,
  type FileStatus,
  ftruncate,
  linkat,
  mkdirat,
  mknodat,
  openat,
  openat2,
  pwriteAll,
  readlinkatBytes,
  statx,
  symlinkat,
  tryStatx,
  umask,
  unlinkat,
  utimensat,
  writeAll,
} from "../../../ffi/file.ts";
import { fsetxattr } from "../../../ffi/xattr.ts";
import { SysError } from "../../errors.ts";
import { removeTree } from "../../file_tree.ts";
import { warn } from "../../trace.ts";
import type { Counted } from "../budget.ts";
import { ArchiveFault } from "../fault.ts";
import { type ByteString, quoteName, toByteString, toCString } from "../tar/bytes.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { TarSink } from "../tar/reader.ts";
import { type Attributes, setAttributes, settleUnlisted, setXattrs } from "./attributes.ts";
import { copyContent } from "./copy.ts";
import { followLinks } from "./follow.ts";
import { fileMember, identityOf, openContent, specialMember, typeOf } from "./member.ts";
import { hostile, isWithin, join, type Place, placeOf, split } from "./place.ts";
import { type Noted, Removals } from "./removals.ts";
import type { View } from "./view.ts";

/** Open folders that are kept: entries of one folder mostly stand together. */
const OPEN_FOLDERS = 128;

/** Of the attributes that overlayfs keeps for itself, the one for a folder that hides what is below. */
export const OPAQUE = "trusted.overlay.opaque";

/** What a tree is written with. */
export interface WriterOptions {
  /** How the tree shows, where it is a layer that is laid over others. */
  readonly view?: View;
  /** Is told, before it is made, of what no member tells of: a folder on the way to one, a file copied from below. */
  readonly onExtra?: (made: Counted) => void;
}

/** The calls by which a tree is written below a folder, in words for -explain and -trace. */
export function writingCalls(folder: string): string {
  return "openat2(RESOLVE_BENEATH), then mkdirat, openat and write, symlinkat, linkat, fchownat, " +
    `fchmod, utimensat in "${folder}"`;
}

const NONE: TarEntry["xattrs"] = new Map();

/**
 * Writes the members of an archive below a folder, and nowhere else, whatever their names say.
 *
 * Every path is taken relative to the descriptor of that folder. Symbolic links on the way are followed
 * beforehand, by their text, as if the folder were the root (chroot(2)); the kernel refuses the parent when the way
 * there leaves the folder or passes through a link all the same (openat2(2)). The last part is
 * made anew after what stood there was unlinked, and never followed. So the last of several members
 * with one name wins; only a folder over a folder keeps the content.
 *
 * Owners, modes, times and extended attributes are set last of all for folders, as what is put into
 * a folder changes its time, and may take over its group and access control list.
 *
 * Where the tree is a layer, folders that it has without being told of them look as they do below,
 * hard links may lead to files below, which are copied, and what takes the place of something hides all of it.
 */
export class TreeWriter implements TarSink, Disposable {
  readonly #root: number;
  readonly #view: View | undefined;
  readonly #open = new Map<ByteString, number>();
  readonly #folders = new Map<ByteString, Noted<Attributes>>();
  /** What was hidden, and the folders that hide all below, of which some may have come later. */
  readonly #whiteouts = new Set<ByteString>();
  readonly #opaque = new Set<ByteString>();
  /** Where the copies of files below were made, by what tells those from others. */
  readonly #copies = new Map<string, ByteString>();
  /** Of which file below a path is a copy. */
  readonly #copied = new Map<ByteString, Noted<string>>();
  readonly #removals = new Removals();
  readonly #onExtra: WriterOptions["onExtra"];
  /** Permission bits that new files do not get. */
  readonly #umask: number;
  #entry: TarEntry | undefined;
  /** The file that is being written, or -1. */
  #file = -1;
  #warned = false;

  /**
   * @param root descriptor of the folder, which stays the caller's; it is root's, so that what is made
   *   in it is too
   */
  constructor(root: number, { view, onExtra }: WriterOptions = {}) {
    this.#root = root;
    this.#view = view;
    this.#onExtra = onExtra;
    this.#umask = umask(0o022);
    umask(this.#umask);
    const attributes = view?.rootBelow();
    if (attributes !== undefined) this.#noteFolder("", attributes);
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
    const place = this.#settled(placeOf(entry.name, entry.name));
    if (place.leaf === "") {
      if (entry.type !== "folder") {
        throw new ArchiveFault(`is hostile: its root is a ${entry.type}`);
      }
      this.#noteFolder("", entry);
      return;
    }
    const parent = this.#folder(place.folder);
    const leaf = toCString(place.leaf);
    switch (entry.type) {
      case "folder":
        this.#makeFolder(parent, place, leaf);
        this.#noteFolder(join(place), entry);
        break;
      case "file":
        this.#anew(parent, place, () => {
          const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
          this.#file = openat(parent, leaf, flags, this.#isPlain(entry) ? entry.mode : 0o600);
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
    if (this.#isPlain(entry)) {
      setXattrs(file, entry, this.#unsupported);
      utimensat(file, null, entry.mtime.seconds, entry.mtime.nanoseconds);
    } else {
      setAttributes(file, entry, this.#unsupported);
    }
    this.#file = -1;
    close(file);
  }

  /**
   * Hides what lies below at a path (image-spec, layer.md#whiteouts). What the tree itself has there
   * stays, whichever comes first. Where nothing shows from below nothing is made: overlayfs lists a
   * folder that lies on no other one as it is, whiteouts too.
   *
   * @param entry the member that says so
   */
  hide(path: ByteString, entry: TarEntry): void {
    this.#entry = entry;
    const place = this.#settled(placeOf(path, entry.name));
    const leaf = toCString(place.leaf);
    const folder = this.#findFolder(place.folder);
    const there = folder === undefined ? undefined : tryStatx(folder, leaf, AT_SYMLINK_NOFOLLOW);
    const clean = join(place);
    if (there !== undefined) {
      if ((there.mode & S_IFMT) === S_IFDIR) this.#makeOpaque(clean);
    } else if (this.#view?.shows(clean)) {
      mknodat(this.#folder(place.folder), leaf, S_IFCHR, 0, 0);
      this.#whiteouts.add(clean);
    }
  }

  /**
   * Hides all that lies below in a folder, but not the folder (image-spec, layer.md#opaque-whiteout).
   *
   * @param entry the member that says so
   */
  hideContents(folder: ByteString, entry: TarEntry): void {
    this.#entry = entry;
    const path = this.#followed(join(placeOf(folder === "" ? "." : folder, entry.name)));
    if (this.#findFolder(path) === undefined) {
      if (this.#view?.folder(path) === undefined) return;
      this.#folder(path);
    }
    this.#makeOpaque(path);
  }

  /** Settles the folders. To be called once, after the last member. */
  finish(): void {
    for (const path of this.#whiteouts) {
      if (!this.#isInOpaque(path) || !isWhiteout(this.#tryStatus(path))) continue;
      const { folder, leaf } = split(path);
      unlinkat(this.#folder(folder), toCString(leaf));
    }
    for (const [path, noted] of this.#folders) {
      if (!this.#removals.spared(path, noted)) continue;
      const folder = this.#openBeneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        setAttributes(folder, noted.value, this.#unsupported);
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

  /** Whether a new file has the right owner and mode from the beginning: root's, as what is made here is. */
  #isPlain({ uid, gid, mode }: TarEntry): boolean {
    return uid === 0 && gid === 0 && mode <= 0o777 && (mode & this.#umask) === 0;
  }

  /** No more of it than is needed: there may be very many. */
  #noteFolder(path: ByteString, { type, mode, uid, gid, mtime, xattrs }: Attributes): void {
    const attributes = { name: path, type, mode, uid, gid, mtime, xattrs };
    this.#folders.set(path, this.#removals.note(attributes));
  }

  /** A place without symbolic links on the way to it. */
  #settled(place: Place): Place {
    const folder = this.#followed(place.folder);
    return folder === place.folder ? place : { folder, leaf: place.leaf };
  }

  /** The path of a folder, which need not be there, without symbolic links; those of layers below count, too. */
  #followed(path: ByteString): ByteString {
    if (path === "" || this.#open.has(path)) return path;
    try {
      // Not kept: that may close others, one of which the caller may be at.
      close(this.#openBeneath(path, O_PATH | O_DIRECTORY));
      return path;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      const mayHaveLinks = error.code === "ELOOP" ||
        (error.code === "ENOENT" && this.#view !== undefined);
      // Whatever else is wrong is told when it is opened.
      if (!mayHaveLinks) return path;
    }
    const followed = followLinks(path, (at) => this.#readLink(at));
    if (followed !== undefined) return followed;
    throw hostile(this.#entry!.name, "passes through symbolic links that go round in circles");
  }

  /** What the symbolic link leads to that shows at a path; undefined where none does. */
  #readLink(path: ByteString): ByteString | undefined {
    using file = this.#view === undefined ? this.#tryFile(path) : this.#view.file(path);
    if (file === undefined || (statx(file.number).mode & S_IFMT) !== S_IFLNK) return undefined;
    return toByteString(readlinkatBytes(file.number, ""));
  }

  /** A descriptor of a folder of the tree, made with its parents where there is none. */
  #folder(path: ByteString): number {
    return this.#findFolder(path) ?? this.#keep(path, this.#makeMissing(path));
  }

  #keep(path: ByteString, folder: number): number {
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
          if (this.#view !== undefined && this.#isHidden(path)) return undefined;
          throw hostile(this.#entry!.name, "passes through a file");
      }
      throw error;
    }
  }

  /** Whether the tree hides what lies below at a path, or at a folder on the way there. */
  #isHidden(path: ByteString): boolean {
    for (let at = path; at !== ""; at = split(at).folder) {
      if (isWhiteout(this.#tryStatus(at))) return true;
    }
    return false;
  }

  /** What the tree has at a path; undefined also where there is no way to it. */
  #tryStatus(path: ByteString): FileStatus | undefined {
    using file = this.#tryFile(path);
    return file === undefined ? undefined : statx(file.number);
  }

  /** As {@link #tryStatus}, the file itself. */
  #tryFile(path: ByteString): Fd | undefined {
    try {
      return new Fd(this.#openBeneath(path, O_PATH | O_NOFOLLOW));
    } catch (error) {
      const absent = error instanceof SysError &&
        ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code);
      if (absent) return undefined;
      throw error;
    }
  }

  #openBeneath(path: ByteString, flags: number): number {
    const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return openat2(this.#root, path === "" ? "." : toCString(path), flags, resolve);
  }

  /** Makes a folder that no member told of. */
  #makeMissing(path: ByteString): number {
    const place = split(path);
    const parent = this.#folder(place.folder);
    this.#onExtra?.({ name: path, linkname: "", size: 0, xattrs: NONE });
    const attributes = this.#view?.folder(path);
    this.#makeFolder(parent, place, toCString(place.leaf));
    const folder = this.#openBeneath(path, O_RDONLY | O_DIRECTORY);
    if (attributes === undefined) settleUnlisted(folder);
    else this.#noteFolder(path, attributes);
    return folder;
  }

  /** Makes a folder where there is none. */
  #makeFolder(parent: number, place: Place, leaf: Uint8Array<ArrayBuffer>): void {
    try {
      mkdirat(parent, leaf, 0o700);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
      const there = tryStatx(parent, leaf, AT_SYMLINK_NOFOLLOW);
      if (there !== undefined && (there.mode & S_IFMT) === S_IFDIR) return;
      this.#remove(parent, place);
      mkdirat(parent, leaf, 0o700);
      // What was in its place had hidden what lies below, and that is not to come back.
      if (this.#view !== undefined) this.#makeOpaque(join(place));
    }
  }

  #makeOpaque(path: ByteString): void {
    const folder = this.#openBeneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      fsetxattr(folder, OPAQUE, toCString("y").subarray(0, 1));
    } finally {
      close(folder);
    }
    this.#opaque.add(path);
  }

  /** A folder that the tree has; undefined where it has none. */
  #findFolder(path: ByteString): number | undefined {
    if (path === "") return this.#root;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const there = this.#tryOpen(path);
    return there === undefined ? undefined : this.#keep(path, there);
  }

  /** Whether a folder on the way to a path hides all below it, so that nothing else has to. */
  #isInOpaque(path: ByteString): boolean {
    for (let at = path; at !== "";) {
      at = split(at).folder;
      if (this.#opaque.has(at)) return true;
    }
    return false;
  }

  #link(
    parent: number,
    place: Place,
    leaf: Uint8Array<ArrayBuffer>,
    linkname: ByteString,
  ): void {
    const target = this.#settled(placeOf(linkname, this.#entry!.name, "is a hard link that "));
    const path = join(target);
    if (target.leaf === "") throw hostile(this.#entry!.name, "is a hard link to the root");
    const folder = this.#holderOf(target);
    if (folder === undefined) {
      using below = this.#view?.file(path);
      if (below === undefined) throw this.#brokenLink(`${quoteName(linkname)}, which is not there`);
      if (this.#isOther(path, place)) this.#copy(below.number, parent, place, leaf);
      return;
    }
    try {
      if (!this.#isOther(path, place)) return;
      this.#anew(parent, place, () => linkat(folder, toCString(target.leaf), parent, leaf));
    } finally {
      if (folder !== this.#root) close(folder);
    }
  }

  /** Whether the target of a hard link is another file than the link. */
  #isOther(target: ByteString, place: Place): boolean {
    const path = join(place);
    if (target !== path && isWithin(target, path)) {
      throw this.#brokenLink("what it takes the place of");
    }
    return target !== path;
  }

  #brokenLink(target: string): ArchiveFault {
    return new ArchiveFault(
      `is broken: ${quoteName(this.#entry!.name)} is a hard link to ${target}`,
    );
  }

  /**
   * Makes a hard link to a file of a layer below: a copy of that, which all such links of this layer
   * share. A link to the file itself would make the layers share it, and others see that in its count.
   */
  #copy(file: number, parent: number, place: Place, leaf: Uint8Array<ArrayBuffer>): void {
    const status = statx(file);
    const identity = identityOf(status);
    const path = join(place);
    const known = this.#copies.get(identity);
    if (known !== undefined && this.#isCopy(known, identity) && !isWithin(known, path)) {
      return this.#link(parent, place, leaf, known);
    }
    const link = this.#entry!;
    using content = typeOf(status) === "file" ? openContent(file) : undefined;
    const entry = content === undefined
      ? specialMember(file, link.name, status)
      : fileMember(content.number, link.name);
    this.#onExtra?.(entry);
    this.entry(entry);
    if (content !== undefined) copyContent(content.number, this.#file, entry);
    this.end();
    this.#copies.set(identity, path);
    this.#copied.set(path, this.#removals.note(identity));
  }

  /** Whether a path is still that of a copy of a file below. */
  #isCopy(path: ByteString, identity: string): boolean {
    const copied = this.#copied.get(path);
    return copied?.value === identity && this.#removals.spared(path, copied);
  }

  /** A descriptor of the folder that has the target of a hard link; undefined where the tree has none. */
  #holderOf(target: Place): number | undefined {
    const folder = target.folder === "" ? this.#root : this.#tryOpen(target.folder);
    const there = folder === undefined
      ? undefined
      : tryStatx(folder, toCString(target.leaf), AT_SYMLINK_NOFOLLOW);
    const isFolder = there !== undefined && (there.mode & S_IFMT) === S_IFDIR;
    const isOwn = there !== undefined && !(this.#view !== undefined && isWhiteout(there));
    if (isOwn && !isFolder) return folder;
    if (folder !== undefined && folder !== this.#root) close(folder);
    if (isFolder) throw hostile(this.#entry!.name, "is a hard link to a folder");
    return undefined;
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
    const path = join(place);
    this.#removals.add(path);
    try {
      unlinkat(parent, toCString(place.leaf));
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EISDIR")) throw error;
      this.#forget(path);
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

  readonly #unsupported = (name: ByteString): void => {
    if (!this.#warned) {
      const member = quoteName(this.#entry!.name);
      warn(`the images folder's file system keeps no attribute ${quoteName(name)} (of ${member})`);
    }
    this.#warned = true;
  };

  #setOwnerAndTime(parent: number, leaf: Uint8Array<ArrayBuffer>, entry: TarEntry): void {
    fchownat(parent, leaf, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
    this.#setTime(parent, leaf, entry);
  }

  #setTime(parent: number, leaf: Uint8Array<ArrayBuffer>, { mtime }: TarEntry): void {
    utimensat(parent, leaf, mtime.seconds, mtime.nanoseconds, AT_SYMLINK_NOFOLLOW);
  }
}

/** Whether a file is what overlayfs hides something with (kernel, filesystems/overlayfs.rst). */
export function isWhiteout(status: FileStatus | undefined): boolean {
  if (status === undefined || (status.mode & S_IFMT) !== S_IFCHR) return false;
  const { major, minor } = status.rdev;
  return major === 0 && minor === 0;
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
