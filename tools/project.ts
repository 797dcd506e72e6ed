/** Where things of this project lie. All paths are absolute. */

/** The project folder: the one with `deno.json` and `main.ts`. */
export const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** What building leaves behind: caches, stamps, downloaded archives. Ignored by git. */
export const BUILD_DIR = `${ROOT}/.build`;

/** The product for the machine that builds. */
export const BINARY = `${ROOT}/gocontainer`;

/** What {@link exists} takes for "not there": also what this user cannot look at. */
const ABSENT = [Deno.errors.NotFound, Deno.errors.NotADirectory, Deno.errors.PermissionDenied];

/** True when `path` is there for this user, whatever it is. Dangling links count as missing. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (ABSENT.some((kind) => error instanceof kind)) return false;
    throw error;
  }
}

/**
 * Absolute paths of the regular files below `folder` (or `folder` itself when it is a file), sorted,
 * hidden names left out. A missing folder has no files. Symbolic links are not followed.
 */
export function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const visit = (path: string, info: { isDirectory: boolean; isFile: boolean }) => {
    if (info.isFile) found.push(path);
    if (!info.isDirectory) return;
    for (const entry of Deno.readDirSync(path)) {
      if (!entry.name.startsWith(".")) visit(`${path}/${entry.name}`, entry);
    }
  };
  try {
    visit(folder, Deno.lstatSync(folder));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}
