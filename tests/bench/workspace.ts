import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { fstatfsType } from "../../ffi/statfs.ts";
import { BUILD_DIR, ROOT } from "../../tools/project.ts";
import { reasonOf, ToolError } from "../../tools/report.ts";

/** The folder in which results stay. */
export const RESULTS = `${BUILD_DIR}/bench`;

/** A folder for what the benchmark makes; it goes away with all that is in it. */
export class Workspace implements Disposable {
  /** Absolute. */
  readonly path: string;
  #memory?: string;

  constructor() {
    makeResults();
    this.path = Deno.makeTempDirSync({ dir: RESULTS, prefix: "work-" });
  }

  /** Makes a folder in it, 0755, and returns its absolute path. */
  folder(name: string): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path, { mode: 0o755 });
    return path;
  }

  /** Makes a folder that goes away with this one, in memory; undefined where there is no place for it. */
  folderInMemory(name: string): string | undefined {
    this.#memory ??= makeInMemory();
    if (this.#memory === undefined) return undefined;
    const path = `${this.#memory}/${name}`;
    Deno.mkdirSync(path, { mode: 0o755 });
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
    if (this.#memory !== undefined) Deno.removeSync(this.#memory, { recursive: true });
  }
}

/** What glibc and systemd want to be a tmpfs: shm_overview(7). */
const MEMORY = "/dev/shm";
const TMPFS_MAGIC = 0x01021994;

function makeInMemory(): string | undefined {
  try {
    using folder = new Fd(openat(AT_FDCWD, MEMORY, O_PATH | O_DIRECTORY));
    if (fstatfsType(folder.number) !== TMPFS_MAGIC) return undefined;
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
  return Deno.makeTempDirSync({ dir: MEMORY, prefix: "gocontainer-bench-" });
}

/**
 * Copies a program in one go and makes the copy executable. How a file came into the page cache
 * decides over the size of the pages it is mapped with, and with that over milliseconds of each
 * start: programs that are to be compared must have come the same way.
 */
export function copyProgram(from: string, to: string): void {
  Deno.writeFileSync(to, Deno.readFileSync(from), { mode: 0o755 });
}

/**
 * Extracts a root file system archive.
 *
 * @throws {ToolError} when tar(1) does not succeed
 */
export function extract(archive: string, folder: string): void {
  const { success, stderr } = new Deno.Command("tar", {
    args: ["--extract", "--numeric-owner", "--file", archive, "--directory", folder],
  }).outputSync();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim().split("\n")[0];
  throw new ToolError(`extract "${archive}": ${words}`);
}

/**
 * Keeps a result. It is given to the owner of the project, so that who ran the benchmark through
 * sudo can open and remove it.
 *
 * @throws {ToolError} when the file cannot be written
 */
export function keep(path: string, text: string): void {
  try {
    Deno.writeTextFileSync(path, text);
    giveToOwner(path);
  } catch (cause) {
    throw new ToolError(`write "${path}": ${reasonOf(cause)}`, { cause });
  }
}

function makeResults(): void {
  Deno.mkdirSync(RESULTS, { recursive: true });
  giveToOwner(RESULTS);
}

function giveToOwner(path: string): void {
  const { uid, gid } = Deno.statSync(ROOT);
  Deno.chownSync(path, uid, gid);
}
