import { AT_EMPTY_PATH } from "../../../ffi/constants.ts";
import { fchmod, fchownat, type FileStatus, utimensat } from "../../../ffi/file.ts";
import { fgetxattr, flistxattr, fsetxattr } from "../../../ffi/xattr.ts";
import { SysError } from "../../errors.ts";
import { ArchiveFault } from "../fault.ts";
import { type ByteString, quoteName, toByteString, toCString } from "../tar/bytes.ts";
import { type TarEntry, timestampOf } from "../tar/entry.ts";

/** What a folder or file has besides its content. */
export type Attributes = Pick<
  TarEntry,
  "name" | "type" | "mode" | "uid" | "gid" | "mtime" | "xattrs"
>;

/**
 * Attributes that a root file system may bring along: those of users, file capabilities and access
 * control lists. Others steer the host's kernel: `trusted.overlay.*` and `user.overlay.*` redirect
 * look-ups of an overlay, `security.*` are labels of the host's policy.
 */
export function isKept(name: ByteString, type: TarEntry["type"]): boolean {
  if (name.startsWith("user.")) return !name.startsWith("user.overlay.");
  return name === "security.capability" || name === "system.posix_acl_access" ||
    (name === "system.posix_acl_default" && type === "folder");
}

/** The extended attributes of an open file or folder that a root file system may bring along. */
export function keptXattrs(
  fd: number,
  type: TarEntry["type"],
): Map<ByteString, Uint8Array<ArrayBuffer>> {
  const xattrs = new Map<ByteString, Uint8Array<ArrayBuffer>>();
  for (const text of flistxattr(fd)) {
    const name = toByteString(text.subarray(0, -1));
    const value = isKept(name, type) ? fgetxattr(fd, text) : undefined;
    if (value !== undefined) xattrs.set(name, value);
  }
  return xattrs;
}

/** The attributes of an open folder. */
export function folderAttributes(fd: number, name: ByteString, status: FileStatus): Attributes {
  return {
    name,
    type: "folder",
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtime: timestampOf(status.mtime),
    xattrs: keptXattrs(fd, "folder"),
  };
}

/** A folder that no archive lists is root's, mode 0755, whatever it took over from the one above. */
export function settleUnlisted(folder: number): void {
  fchownat(folder, "", 0, 0, AT_EMPTY_PATH);
  fchmod(folder, 0o755);
}

/**
 * Gives an open file or folder its attributes. Owner first: chown(2) clears the set-user-id bits and
 * file capabilities.
 *
 * @param unsupported is told of an attribute that the file system does not keep
 */
export function setAttributes(
  fd: number,
  attributes: Attributes,
  unsupported: (name: ByteString) => void,
): void {
  fchownat(fd, "", attributes.uid, attributes.gid, AT_EMPTY_PATH);
  setXattrs(fd, attributes, unsupported);
  fchmod(fd, attributes.mode);
  utimensat(fd, null, attributes.mtime.seconds, attributes.mtime.nanoseconds);
}

/** Gives an open file its extended attributes, those that it may have. */
export function setXattrs(
  fd: number,
  { name: member, type, xattrs }: Attributes,
  unsupported: (name: ByteString) => void,
): void {
  for (const [name, value] of xattrs) {
    if (!isKept(name, type)) continue;
    try {
      fsetxattr(fd, toCString(name), value);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.code === "EOPNOTSUPP") unsupported(name);
      else {
        throw new ArchiveFault(
          `is broken: the attribute ${quoteName(name)} of ${quoteName(member)} cannot be set ` +
            `(${error.code})`,
          { cause: error },
        );
      }
    }
  }
}
