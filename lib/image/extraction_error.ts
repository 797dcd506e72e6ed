import { ContainerError, reasonOf, SysError } from "../errors.ts";
import { archiveHint } from "./archive_hint.ts";
import { ArchiveFault } from "./fault.ts";
import { type ByteString, quoteName } from "./tar/bytes.ts";

/**
 * The error that tells a user why an extraction failed.
 *
 * @param what was being done: `extract image "alpine"`
 * @param where.archive what is extracted, as it is named in messages
 * @param where.member the member at work
 * @param where.isFile whether it is a file that the user gave, and could replace
 */
export function extractionError(
  error: unknown,
  what: string,
  where: { archive: string; member?: ByteString; isFile?: boolean },
): ContainerError {
  if (error instanceof ArchiveFault) {
    return new ContainerError(`${what}: ${where.archive} ${error.message}`, {
      code: "InvalidArchive",
      hint: error.hint ?? (where.isFile ? archiveHint(error.message) : undefined),
      cause: error,
    });
  }
  const member = where.member === undefined ? "" : `${quoteName(where.member)}: `;
  return new ContainerError(`${what}: ${member}${reasonOf(error)}`, {
    hint: hintFor(error),
    cause: error,
  });
}

/** What to do where the disk of the images folder refuses something. */
export function hintFor(error: unknown): string | undefined {
  switch (error instanceof SysError ? error.code : "") {
    case "ENOSPC":
    case "EDQUOT":
      return "Make room, or give an images folder on another disk with -i";
    case "EROFS":
      return "Give an images folder on a disk that can be written with -i";
    case "EPERM":
    case "EOPNOTSUPP":
      return "Give an images folder on a Linux file system such as ext4 with -i";
    default:
      return undefined;
  }
}
