import {
  AT_FDCWD,
  O_NONBLOCK,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/constants.ts";
import { Fd, type FileStatus, openat, readlinkatBytes, statx } from "../../../ffi/file.ts";
import { mayHaveHoles } from "../../init/holes.ts";
import { type ByteString, toByteString } from "../tar/bytes.ts";
import { type EntryType, type TarEntry, timestampOf } from "../tar/entry.ts";
import { keptXattrs } from "./attributes.ts";
import { dataRegions } from "./sparse.ts";

const TYPES: Readonly<Record<number, EntryType>> = {
  [S_IFREG]: "file",
  [S_IFDIR]: "folder",
  [S_IFLNK]: "symbolic link",
  [S_IFCHR]: "character device",
  [S_IFBLK]: "block device",
  [S_IFIFO]: "fifo",
};

/** As which type of member an archive has a file; undefined for a socket, which none has. */
export function typeOf({ mode }: FileStatus): EntryType | undefined {
  return TYPES[mode & S_IFMT];
}

/** What tells a file from all others while it is there. */
export function identityOf({ dev, ino }: FileStatus): string {
  return `${dev.major}:${dev.minor}:${ino}`;
}

/** Any file as a member, without its content, attributes, target and device numbers. */
export function plainMember(name: ByteString, type: EntryType, status: FileStatus): TarEntry {
  return {
    type,
    name,
    linkname: "",
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtime: timestampOf(status.mtime),
    size: 0,
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

/** An open regular file as a member, its content left to be read. */
export function fileMember(fd: number, name: ByteString): TarEntry {
  const status = statx(fd);
  const { size } = status;
  return {
    ...plainMember(name, "file", status),
    size,
    xattrs: keptXattrs(fd, "file"),
    ...mayHaveHoles(status) ? { sparse: dataRegions(fd, size) } : {},
  };
}

/**
 * A symbolic link, device or fifo as a member.
 *
 * @param place descriptor of O_PATH
 */
export function specialMember(place: number, name: ByteString, status: FileStatus): TarEntry {
  const type = typeOf(status)!;
  const linkname = type === "symbolic link" ? toByteString(readlinkatBytes(place, "")) : "";
  const device = type.endsWith("device") ? status.rdev : { major: 0, minor: 0 };
  return { ...plainMember(name, type, status), linkname, ...device };
}

/**
 * Opens a regular file for reading that is open as O_PATH. By its name there may be another one by now,
 * and to open a device may be to set it going.
 */
export function openContent(place: number): Fd {
  return new Fd(openat(AT_FDCWD, `/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK));
}
