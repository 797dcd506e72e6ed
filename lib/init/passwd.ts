import { utf8 } from "../../ffi/cstring.ts";
import { O_NOFOLLOW, O_PATH } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { close, openInRoot, read, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { openRegular } from "./regular.ts";

/** The most bytes that are read of a file that the container may have written. */
const SIZE_LIMIT = 10 * 1024 * 1024;

/**
 * The home folder of a user in the container's own /etc/passwd (passwd(5)); undefined when it says
 * nothing. The file may be anything: it is looked up inside the root, opened for reading only when it is a
 * regular file, and read up to 10 MiB.
 *
 * @param root the container's root, open.
 * @param own see {@link openRegular}.
 */
export function homeOf(root: number, uid: number, own?: number): string | undefined {
  const UID = 2;
  const HOME = 5;
  for (const line of readPasswd(root, own).split("\n")) {
    const fields = line.split(":");
    if (fields[UID] !== String(uid)) continue;
    return fields[HOME]?.startsWith("/") ? fields[HOME] : undefined;
  }
  return undefined;
}

function readPasswd(root: number, own?: number): string {
  const place = tryOpen(root, O_PATH);
  if (place === undefined) return "";
  const file = tryReading(root, place, own);
  close(place);
  if (file === undefined) return "";
  try {
    const { size } = statx(file);
    if (size > SIZE_LIMIT) return "";
    const bytes = alloc(size);
    let length = 0;
    while (length < bytes.length) {
      const piece = read(file, bytes.subarray(length));
      if (piece.length === 0) break;
      length += piece.length;
    }
    return utf8(bytes.subarray(0, length));
  } finally {
    close(file);
  }
}

function tryReading(root: number, place: number, own?: number): number | undefined {
  try {
    const again = (flags: number) => openInRoot(root, "etc/passwd", flags | O_NOFOLLOW);
    return openRegular(place, again, own);
  } catch (error) {
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

function tryOpen(root: number, flags: number): number | undefined {
  try {
    return openInRoot(root, "etc/passwd", flags);
  } catch (error) {
    // A file that cannot be read names no home folder.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}
