import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../../ffi/constants.ts";
import { Fd, openat, read, statx } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import { ContainerError, SysError } from "../../errors.ts";

/**
 * All of a file of an open folder; undefined where there is none.
 *
 * @param limit the most bytes that it may have
 * @throws {ContainerError} InvalidArchive for a larger one, or what is no regular file
 */
export function tryReadFile(
  folder: number,
  path: string,
  limit: number,
): Uint8Array<ArrayBuffer> | undefined {
  using file = tryOpen(folder, path);
  if (file === undefined) return undefined;
  const { mode, size } = statx(file.number);
  if ((mode & S_IFMT) !== S_IFREG || size > limit) {
    const fault = size > limit ? `it has more than ${limit} bytes` : "it is not a regular file";
    throw new ContainerError(`read ${JSON.stringify(path)}: ${fault}`, { code: "InvalidArchive" });
  }
  // One more, so that the end is found where it grows meanwhile.
  const buffer = alloc(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const piece = read(file.number, buffer.subarray(length));
    if (piece.length === 0) break;
    length += piece.length;
  }
  return buffer.subarray(0, length);
}

/** Opens a file for reading; undefined where there is none. */
export function tryOpen(folder: number, path: string): Fd | undefined {
  try {
    return new Fd(openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}
