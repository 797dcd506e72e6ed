import { AT_SYMLINK_NOFOLLOW, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import {
  Fd,
  LOCK_EX,
  mkdirat,
  openat,
  renameat2,
  statx,
  tryFlock,
  tryStatx,
} from "../../ffi/file.ts";
import { reasonOf, SysError } from "../errors.ts";
import { removeContents, removeTree } from "../file_tree.ts";
import { warn } from "../trace.ts";

/** Ending of a folder that is being extracted into. */
const PARTIAL = ".partial";

/** How often it is looked whether another process has done, in ms. */
const INTERVAL = 20;

/**
 * A folder under a temporary name, which gets its own when it is whole. Whoever fills it holds a lock
 * (flock(2)) on it, which the kernel takes back should the process die. Others wait for it, and find
 * the folder ready, or take over what was left.
 */
export class PartialFolder implements Disposable {
  /** Its temporary name. */
  readonly name: string;
  readonly #parent: number;
  readonly #final: string;
  readonly #folder: Fd;

  private constructor(parent: number, final: string, folder: Fd) {
    this.name = partialName(final);
    this.#parent = parent;
    this.#final = final;
    this.#folder = folder;
  }

  /**
   * Makes the folder, or takes over one that was left, and locks it.
   *
   * @param parent descriptor of the folder that it is in, which stays the caller's
   * @param final the name that it is to get
   * @param options.waiting is called once when another process is at it
   * @param options.isComplete tells whether the folder is there and whole; by default it is so when it
   *   is there
   * @returns undefined when another process completed it meanwhile
   */
  static async lock(
    parent: number,
    final: string,
    options: { waiting?: () => void; isComplete?: () => boolean } = {},
  ): Promise<PartialFolder | undefined> {
    const name = partialName(final);
    let told = false;
    const isComplete = options.isComplete ??
      (() => tryStatx(parent, final, AT_SYMLINK_NOFOLLOW) !== undefined);
    while (!isComplete()) {
      tryMkdirat(parent, name);
      const folder = tryOpenFolder(parent, name);
      if (folder === undefined) continue;
      const locked = tryFlock(folder.number, LOCK_EX);
      if (locked && isStill(folder.number, parent, name)) {
        if (!isComplete()) return new PartialFolder(parent, final, folder);
        removeTree(parent, name);
      }
      folder[Symbol.dispose]();
      if (locked) continue;
      if (!told) options.waiting?.();
      told = true;
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
    return undefined;
  }

  /** Its descriptor; -1 once it is disposed of. */
  get number(): number {
    return this.#folder.number;
  }

  /** Removes what is in it. */
  clear(): void {
    removeContents(this.#parent, this.name);
  }

  /** Gives it its name. */
  complete(): void {
    renameat2(this.#parent, this.name, this.#parent, this.#final);
  }

  /**
   * Removes it, as it will not be whole. What cannot be removed now is removed by the next extraction;
   * the error that led here counts.
   */
  remove(): void {
    try {
      removeTree(this.#parent, this.name);
    } catch (error) {
      warn(`what was extracted could not be removed: ${reasonOf(error)}`);
    }
  }

  /** Lets others at it. */
  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/**
 * Removes partial folders that nobody is at any more.
 *
 * @param path of the folder that they are in
 * @param parent the same, open
 */
export function removePartials(path: string, parent: number): void {
  eachLeft(path, parent, (name) => removeTree(parent, name));
}

/**
 * Does something with each partial folder that nobody is at any more, under its lock.
 *
 * @param path of the folder that they are in
 * @param parent the same, open
 */
export function eachLeft(path: string, parent: number, action: (name: string) => void): void {
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (!isDirectory || !name.startsWith(".") || !name.endsWith(PARTIAL)) continue;
    using partial = tryOpenFolder(parent, name);
    if (partial === undefined || !tryFlock(partial.number, LOCK_EX)) continue;
    if (isStill(partial.number, parent, name)) action(name);
  }
}

/** Whether an open folder still has its name: it may have been renamed, or removed, before it was locked. */
function isStill(folder: number, parent: number, name: string): boolean {
  return tryStatx(parent, name, AT_SYMLINK_NOFOLLOW)?.ino === statx(folder).ino;
}

function tryMkdirat(parent: number, name: string): void {
  try {
    mkdirat(parent, name, 0o700);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
  }
}

function tryOpenFolder(parent: number, name: string): Fd | undefined {
  try {
    return new Fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function partialName(final: string): string {
  return `.${final}${PARTIAL}`;
}
