import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../../../ffi/constants.ts";
import { Fd, flock, LOCK_EX, LOCK_SH, openat } from "../../../ffi/file.ts";
import { LOCK } from "./layout.ts";

/**
 * Takes the store's lock, waiting for it: `shared` to say what is needed, `exclusive` to change
 * references or to remove what nobody needs. Whoever has it must not await anything: the wait of
 * others blocks their whole process.
 *
 * @param root the open store
 */
export function lockStore(root: number, kind: "shared" | "exclusive"): Disposable {
  const fd = new Fd(openat(root, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
  try {
    flock(fd.number, kind === "shared" ? LOCK_SH : LOCK_EX);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
  return fd;
}
