import { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } from "../../../ffi/constants.ts";
import { Fd, flock, LOCK_EX, LOCK_SH, openat } from "../../../ffi/file.ts";
import { SysError } from "../../errors.ts";
import { LOCK } from "./layout.ts";

/**
 * Takes the store's lock, waiting for it: `shared` to say what is needed, `exclusive` to change
 * references or to remove what nobody needs. Whoever has it must not await anything: the wait of
 * others blocks their whole process.
 *
 * @param root the open store
 */
export function lockStore(root: number, kind: "shared" | "exclusive"): Disposable {
  const fd = new Fd(openLock(root));
  try {
    flock(fd.number, kind === "shared" ? LOCK_SH : LOCK_EX);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
  return fd;
}

/** Where nothing can be written, the file of whoever could is locked all the same. */
function openLock(root: number): number {
  try {
    return openat(root, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EROFS")) throw error;
    return openat(root, LOCK, O_RDONLY | O_NOFOLLOW);
  }
}
