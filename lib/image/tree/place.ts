import { ArchiveFault } from "../fault.ts";
import { type ByteString, quoteName } from "../tar/bytes.ts";

/** A name of an archive, checked: a folder in the tree and a name in that folder. */
export interface Place {
  /** Relative to the root and without `.` or `..`; empty for the root itself. */
  readonly folder: ByteString;
  /** Empty for the root. */
  readonly leaf: ByteString;
}

/** Bytes in a path that the kernel takes, less the closing NUL (PATH_MAX, limits.h). */
export const PATH_LIMIT = 4095;
/** Bytes in one part of it (NAME_MAX). */
const NAME_LIMIT = 255;

/** Finds parts that are empty, `.` or `..`. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * Takes a name apart, without its empty and `.` parts.
 *
 * @param member whose name or link it is, for the message
 * @param how what the member is in that it has this name: `is a hard link that `
 * @throws {ArchiveFault} for a name that leads out of the tree or cannot be
 */
export function placeOf(name: ByteString, member: ByteString, how = ""): Place {
  const clean = UNCLEAN.test(name) ? cleaned(name, member, how) : name;
  const place = split(clean);
  const isTooLong = clean.length > NAME_LIMIT &&
    (clean.length > PATH_LIMIT || clean.split("/").some((part) => part.length > NAME_LIMIT));
  if (!isTooLong) return place;
  throw new ArchiveFault(`has a name that is too long for Linux: ${quoteName(name)}`);
}

function cleaned(name: ByteString, member: ByteString, how: string): ByteString {
  if (name.startsWith("/")) throw hostile(member, `${how}begins with "/"`);
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw hostile(member, `${how}has ".." in it`);
  if (name === "") throw new ArchiveFault("is broken: it has a member without a name");
  return parts.join("/");
}

/** Takes a clean path apart. */
export function split(path: ByteString): Place {
  const slash = path.lastIndexOf("/");
  return slash < 0
    ? { folder: "", leaf: path }
    : { folder: path.slice(0, slash), leaf: path.slice(slash + 1) };
}

/** The path of a place. */
export function join({ folder, leaf }: Place): ByteString {
  return folder === "" ? leaf : `${folder}/${leaf}`;
}

/** Whether a path is a folder or within it. */
export function isWithin(path: ByteString, folder: ByteString): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The fault of a member that tries to break out. */
export function hostile(member: ByteString, how: string): ArchiveFault {
  return new ArchiveFault(`is hostile: ${quoteName(member)} ${how}`);
}
