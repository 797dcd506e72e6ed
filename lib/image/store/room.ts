import { ContainerError, isFull, reasonOf, SysError } from "../../errors.ts";

/** What to do about a full disk. */
export const ROOM_HINT =
  "Make room (gocontainer df shows what takes it, prune frees some), or give another disk with -i";

/**
 * The error of writing to the store for the user.
 *
 * @param what was done: `receive sha256:…`
 */
export function storeError(what: string, error: unknown): unknown {
  if (!(error instanceof SysError)) return error;
  const hint = isFull(error) ? ROOM_HINT : HINTS[error.code];
  return new ContainerError(`${what}: ${reasonOf(error)}`, { hint, cause: error });
}

const HINTS: Readonly<Record<string, string>> = {
  EROFS: "Give an images folder on a disk that can be written with -i",
  EPERM: "Something there may be immutable: lsattr -R shows it, chattr -R -i takes that away",
};
