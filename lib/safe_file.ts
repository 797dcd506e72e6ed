import {
  AT_FDCWD,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  S_IFMT,
  S_IFREG,
} from "../ffi/constants.ts";
import { Fd, openat, read, statx } from "../ffi/file.ts";
import { alloc } from "../ffi/struct.ts";
import { ContainerError } from "./errors.ts";
import { findSafeFolder, isTrustedUser, shellWord } from "./folder.ts";
import { quote } from "./quote.ts";

/** A file that was read. */
export interface SafeFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether nobody but its owner may read it. */
  readonly isPrivate: boolean;
}

/** The most bytes that a file of settings has. */
const LIMIT = 1024 * 1024;

/**
 * Reads a file of settings that decide what root's program does; undefined when there is none. It
 * must be one that nobody but root and the caller could have written, in a folder like that.
 *
 * @throws {ContainerError} NotAllowed; InvalidArgument for what is no file, or too long
 */
export function readSafeFile(path: string): SafeFile | undefined {
  let real: string;
  try {
    real = Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
  const slash = real.lastIndexOf("/");
  if (findSafeFolder(real.slice(0, slash) || "/") === undefined) return undefined;
  using file = new Fd(
    openat(AT_FDCWD, real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY),
  );
  const { mode, uid, size } = statx(file.number);
  if ((mode & S_IFMT) !== S_IFREG) throw unusable(path, "it is no file", "InvalidArgument");
  if ((mode & 0o022) !== 0) throw unusable(path, "others can write it", "NotAllowed");
  if (!isTrustedUser(uid)) throw unusable(path, `it belongs to user ${uid}`, "NotAllowed");
  if (size > LIMIT) throw unusable(path, `it is longer than ${LIMIT} bytes`, "InvalidArgument");
  const bytes = alloc(LIMIT + 1);
  let length = 0;
  while (length < bytes.length) {
    const piece = read(file.number, bytes.subarray(length));
    if (piece.length === 0) break;
    length += piece.length;
  }
  return { path, bytes: bytes.subarray(0, length), isPrivate: (mode & 0o077) === 0 };
}

function unusable(
  path: string,
  reason: string,
  code: "NotAllowed" | "InvalidArgument",
): ContainerError {
  const word = shellWord(path);
  return new ContainerError(`read ${quote(path)}: ${reason}`, {
    code,
    hint: code === "NotAllowed" ? `Run chown root ${word}; chmod go-w ${word}` : undefined,
  });
}
