import { O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import {
  close,
  mkdirat,
  mknodat,
  openInRoot,
  readlinkat,
  statx,
  tryOpenInRoot,
} from "../../ffi/file.ts";
import { InitError } from "./context.ts";

/** errno(3): what mount(2) has against a file on a folder and the other way round. */
const ENOTDIR = 20;

/** How many symbolic links that lead nowhere are followed, as many as the kernel does of others. */
const MAX_LINKS = 40;

/**
 * Opens a folder of the container (O_PATH), making what is missing on the way, 0755. Every component
 * is looked up inside the root, so that nothing the image planted leads outside; a symbolic link to
 * what is missing is followed and that is made.
 *
 * @throws {InitError} when something else than a folder is in the way.
 */
export function openDirectory(root: number, path: string): number {
  return openExisting(root, path, O_DIRECTORY) ?? makeDirectory(root, path);
}

function makeDirectory(root: number, path: string): number {
  const names = components(path);
  // Most often the last one alone is missing.
  const above = [".", ...names.slice(0, -1)].join("/");
  const parent = openExisting(root, above, O_DIRECTORY);
  const left = parent === undefined ? names.reverse() : names.slice(-1);
  let done = parent === undefined ? "." : above;
  let current = parent ?? openInRoot(root, ".", O_PATH | O_DIRECTORY);
  for (let links = 0; left.length > 0;) {
    const name = left.pop()!;
    let next = openExisting(root, `${done}/${name}`, O_DIRECTORY);
    if (next === undefined && !tryMake(() => mkdirat(current, name, 0o755))) {
      const target = linkTarget(current, name);
      if (target === undefined) {
        throw new InitError(`${inWords(done, name)} is not a folder`, ENOTDIR);
      }
      if (++links > MAX_LINKS) throw new InitError(`${inWords(done, name)} goes round in circles`);
      left.push(...components(target).reverse());
      if (!target.startsWith("/")) continue;
      done = ".";
      next = openInRoot(root, ".", O_PATH | O_DIRECTORY);
    } else {
      done = `${done}/${name}`;
      next ??= openInRoot(root, done, O_PATH | O_DIRECTORY);
    }
    close(current);
    current = next;
  }
  return current;
}

/** Opens the folders that paths of the container lie in, made if missing; once for all that follow each other. */
export class Parents implements Disposable {
  readonly #root: number;
  #folder?: string;
  #opened = -1;

  constructor(root: number) {
    this.#root = root;
  }

  /** The folder, which stays this object's to close, and the path's last component. */
  of(path: string): { parent: number; name: string } {
    const parts = components(path);
    const name = parts.pop() ?? ".";
    const folder = parts.join("/") || ".";
    if (folder !== this.#folder) {
      this[Symbol.dispose]();
      this.#opened = openDirectory(this.#root, folder);
      this.#folder = folder;
    }
    return { parent: this.#opened, name };
  }

  [Symbol.dispose](): void {
    if (this.#opened >= 0) close(this.#opened);
    this.#opened = -1;
    this.#folder = undefined;
  }
}

/**
 * Opens what shall be covered by a mount (O_PATH), making an empty folder or file when it is missing.
 *
 * @throws {InitError} when a folder shall be covered by a file, or the other way round.
 */
export function openMountPoint(root: number, path: string, asDirectory: boolean): number {
  if (asDirectory) return openDirectory(root, path);
  const file = openFile(root, path);
  if (!isDirectory(file)) return file;
  close(file);
  throw new InitError(`${JSON.stringify(path)} is a folder, which a file cannot cover`, ENOTDIR);
}

function openFile(root: number, path: string, links = 0): number {
  const there = openExisting(root, path);
  if (there !== undefined) return there;
  using parents = new Parents(root);
  const { parent, name } = parents.of(path);
  if (!tryMake(() => mknodat(parent, name, S_IFREG | 0o644))) {
    const target = linkTarget(parent, name);
    if (target === undefined) throw new InitError(`${JSON.stringify(path)} is not a file`);
    if (links === MAX_LINKS) throw new InitError(`${JSON.stringify(path)} goes round in circles`);
    const from = target.startsWith("/") ? "" : components(path).slice(0, -1).join("/");
    return openFile(root, `${from}/${target}`, links + 1);
  }
  return openInRoot(root, path, O_PATH | O_NOFOLLOW);
}

/** Whether something could be made; false when something of that name is there. */
function tryMake(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Where a symbolic link leads; undefined for anything else. */
function linkTarget(dirfd: number, name: string): string | undefined {
  try {
    return readlinkat(dirfd, name);
  } catch (error) {
    if (error instanceof SysError && error.code === "EINVAL") return undefined;
    throw error;
  }
}

function inWords(folder: string, name: string): string {
  return JSON.stringify(`${folder.slice(1)}/${name}`);
}

/** Opens a path of the container (O_PATH and `flags`); undefined when it is not there. */
export function openExisting(root: number, path: string, flags = 0): number | undefined {
  return tryOpenInRoot(root, path, O_PATH | flags);
}

/** Whether an open file is a folder. */
export function isDirectory(fd: number): boolean {
  return (statx(fd).mode & S_IFMT) === S_IFDIR;
}

/** Whether an error says that a path is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof SysError && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function components(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
