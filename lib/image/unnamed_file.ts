import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TMPFILE,
} from "../../ffi/constants.ts";
import { Fd, linkat, openat, unlinkat } from "../../ffi/file.ts";
import { SysError } from "../errors.ts";

/**
 * A file that has no name before it is whole, so that it goes with this process, however that ends (open(2),
 * O_TMPFILE). On a file system that knows no such files it has a temporary one from the beginning.
 */
export class UnnamedFile implements Disposable {
  readonly #dirfd: number;
  readonly #path: string;
  readonly #file: Fd;
  #isNamed: boolean;

  /**
   * @param path the temporary name, from the folder `dirfd`: in the end the file has it, before it is moved to its place
   * @throws {SysError}
   */
  constructor(dirfd: number, path: string) {
    const unnamed = tryOpenUnnamed(dirfd, path.slice(0, path.lastIndexOf("/") + 1) || ".");
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.#file = unnamed ?? new Fd(openat(dirfd, path, flags, 0o600));
    this.#isNamed = unnamed === undefined;
    this.#dirfd = dirfd;
    this.#path = path;
  }

  /** Its descriptor, open for reading and writing; negative when it is closed. */
  get number(): number {
    return this.#file.number;
  }

  /**
   * Gives it the temporary name, by which `move` takes it to its place.
   *
   * @throws {SysError}
   */
  place(move: (path: string) => void): void {
    if (!this.#isNamed) {
      const file = `/proc/self/fd/${this.number}`;
      linkat(AT_FDCWD, file, this.#dirfd, this.#path, AT_SYMLINK_FOLLOW);
      this.#isNamed = true;
    }
    move(this.#path);
    this.#isNamed = false;
  }

  /** Closes it; what has no place goes. */
  [Symbol.dispose](): void {
    if (this.number < 0) return;
    using _ = this.#file;
    if (!this.#isNamed) return;
    this.#isNamed = false;
    try {
      unlinkat(this.#dirfd, this.#path);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "ENOENT")) throw error;
    }
  }
}

function tryOpenUnnamed(dirfd: number, folder: string): Fd | undefined {
  try {
    return new Fd(openat(dirfd, folder, O_TMPFILE | O_RDWR, 0o600));
  } catch (error) {
    const lacks = error instanceof SysError && ["EOPNOTSUPP", "EISDIR"].includes(error.code);
    if (lacks) return undefined;
    throw error;
  }
}
