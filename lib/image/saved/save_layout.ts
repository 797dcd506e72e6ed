import {
  AT_FDCWD,
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
} from "../../../ffi/constants.ts";
import { Fd, mkdirat, openat, unlinkat, writeAll } from "../../../ffi/file.ts";
import { SysError } from "../../errors.ts";
import type { ImageStore } from "../store/store.ts";
import { contentOf, type SavedFile } from "./save.ts";

/**
 * Writes the files of saved images into a folder, which is made, or empty; all of them or none.
 *
 * @throws {SysError} EEXIST when one of the files is there already
 */
export function saveLayout(store: ImageStore, files: readonly SavedFile[], path: string): void {
  using undo = new DisposableStack();
  tryMkdirat(AT_FDCWD, path, undo);
  const root = undo.use(new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)));
  for (const [name, content] of files) {
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      tryMkdirat(root.number, name.slice(0, at), undo);
    }
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    using file = new Fd(openat(root.number, name, flags, 0o644));
    undo.defer(() => unlinkat(root.number, name));
    for (const piece of contentOf(store, content)) writeAll(file.number, piece);
  }
  undo.move();
  root[Symbol.dispose]();
}

function tryMkdirat(dirfd: number, path: string, undo: DisposableStack): void {
  try {
    mkdirat(dirfd, path, 0o755);
    undo.defer(() => unlinkat(dirfd, path, AT_REMOVEDIR));
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
  }
}
