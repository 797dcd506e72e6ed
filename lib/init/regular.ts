import { O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { close, openat, statx } from "../../ffi/file.ts";

/**
 * Opens a file of the container for reading if it is a regular one, and nothing else: to open a device may be to
 * set it going already.
 *
 * A process that is in the container's cgroup may open no other devices than the container. One that is not must
 * not be led to one by a change at the last moment: it opens the very file that it has looked at, by `own`.
 *
 * @param place the file, open with O_PATH.
 * @param again opens it by its name.
 * @param own the host's /proc/self/fd of this process, open.
 * @returns undefined for another kind of file.
 */
export function openRegular(
  place: number,
  again: (flags: number) => number,
  own: number | undefined,
): number | undefined {
  const flags = O_RDONLY | O_NONBLOCK;
  const before = statx(place);
  if ((before.mode & S_IFMT) !== S_IFREG) return undefined;
  if (own !== undefined) return openat(own, `${place}`, flags);
  const fd = again(flags);
  const after = statx(fd);
  if (after.ino === before.ino && (after.mode & S_IFMT) === S_IFREG) return fd;
  close(fd);
  return undefined;
}
