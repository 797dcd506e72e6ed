import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFLNK, S_IFMT } from "../ffi/constants.ts";
import { type FileStatus, mkdirat, readlinkat, tryStatx } from "../ffi/file.ts";
import { ContainerError, hintForWriting, reasonOf, SysError } from "./errors.ts";

const WRITE_GROUP = 0o020;
const WRITE_OTHERS = 0o002;
const STICKY = 0o1000;

/** What to do about a path that is none of a folder. */
const PATH_HINT = "Give the path of a folder";

/** How many symbolic links a path may pass through, as for the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Resolves a folder that the program keeps things in to its absolute path without symbolic links.
 *
 * Nobody but root, the effective user and, under sudo(8), its caller may be able to put something
 * else in its place: every folder on the way belongs to one of them and cannot be written by
 * others, unless it is sticky, as `/tmp` is. The folder itself cannot be written by others at all.
 * This is what sshd_config(5) calls StrictModes; a group with no other members counts as nobody.
 * Each part is looked up in a parent that was found safe before, so nothing can change in between.
 *
 * @param options.create the mode, octal and less the umask, of folders that are made where there are none
 * @throws {ContainerError} NotFound, NotAllowed, or InvalidArgument when there is something else
 */
export function safeFolder(path: string, options: { create?: number } = {}): string {
  const found = findSafeFolder(path, options);
  if (found !== undefined) return found;
  throw new ContainerError(`use folder ${JSON.stringify(path)}: there is none`, {
    code: "NotFound",
  });
}

/** As {@link safeFolder}, but undefined when there is no such folder. */
export function findSafeFolder(
  path: string,
  options: { create?: number } = {},
): string | undefined {
  if (path === "" || path.includes("\0")) {
    throw new ContainerError(`use folder ${JSON.stringify(path)}: this is no path`, {
      code: "InvalidArgument",
      hint: PATH_HINT,
    });
  }
  const whole = `${path.startsWith("/") ? "" : Deno.cwd()}/${path}`;
  return find("", whole, { what: `use folder ${JSON.stringify(path)}`, ...options });
}

/**
 * Makes sure that nobody else than {@link safeFolder} lets can write a file, or put another one in its
 * place. Symbolic links are followed; a file that is not there is nobody's.
 *
 * @param folder that it is in, as {@link safeFolder} gave it
 * @param what is wanted of the file: `use image "alpine"`
 * @throws {ContainerError} NotAllowed, or InvalidArgument for links that lead nowhere
 */
export function assertSafeFile(folder: string, name: string, what: string): void {
  find(folder === "/" ? "" : folder, name, { what, isFile: true });
}

/** What is looked for, and how that is told. */
interface Search {
  /** The action, for messages: `use folder "images"`. */
  readonly what: string;
  /** Whether it is a file, and no folder. */
  readonly isFile?: boolean;
  /** The mode of folders that are made where there are none. */
  readonly create?: number;
}

/** @param start a folder that has been found safe; empty for `/` */
function find(start: string, path: string, search: Search): string | undefined {
  const { what, isFile, create } = search;
  const rest = path.split("/").reverse();
  let folder = start;
  let status = statusOf(start || "/")!;
  let links = 0;
  while (rest.length > 0) {
    const name = rest.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      folder = folder.slice(0, Math.max(folder.lastIndexOf("/"), 0));
      status = statusOf(folder || "/")!;
      continue;
    }
    assertOnTheWay(search, folder || "/", status);
    const next = `${folder}/${name}`;
    let found = statusOf(next);
    if (found === undefined) {
      if (create === undefined) return undefined;
      makeFolder(next, create);
      found = statusOf(next)!;
    }
    switch (found.mode & S_IFMT) {
      case S_IFDIR:
        folder = next;
        status = found;
        break;
      case S_IFLNK: {
        assertOwner(search, next, found);
        if (++links > MAX_LINKS) {
          throw new ContainerError(`${what}: its symbolic links go round in circles`, {
            code: "InvalidArgument",
          });
        }
        const target = readlinkat(AT_FDCWD, next);
        if (target.startsWith("/")) {
          folder = "";
          status = statusOf("/")!;
        }
        rest.push(...target.split("/").reverse());
        break;
      }
      default:
        if (isFile && rest.length === 0) {
          assertSafe(search, next, found);
          return next;
        }
        throw new ContainerError(`${what}: ${JSON.stringify(next)} is not a folder`, {
          code: "InvalidArgument",
          hint: PATH_HINT,
        });
    }
  }
  assertSafe(search, folder || "/", status);
  return folder || "/";
}

function statusOf(path: string): FileStatus | undefined {
  return tryStatx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

function makeFolder(path: string, mode: number): void {
  try {
    mkdirat(AT_FDCWD, path, mode);
  } catch (error) {
    // Another gocontainer may have made it meanwhile.
    if (error instanceof SysError && error.code === "EEXIST") return;
    throw new ContainerError(`make folder ${JSON.stringify(path)}: ${reasonOf(error)}`, {
      hint: hintForWriting(
        error,
        "Make room, or give a folder on another disk",
        "Give a folder that can be written",
      ),
      cause: error,
    });
  }
}

/** A folder on the way may be sticky: what others put there cannot replace what is checked next. */
function assertOnTheWay(search: Search, folder: string, status: FileStatus): void {
  if ((status.mode & STICKY) !== 0) assertOwner(search, folder, status);
  else assertSafe(search, folder, status);
}

function assertSafe(search: Search, part: string, status: FileStatus): void {
  assertOwner(search, part, status);
  const open = (status.mode & WRITE_OTHERS) !== 0 ||
    ((status.mode & WRITE_GROUP) !== 0 && groupHasOthers(status.gid));
  if (!open) return;
  const mode = (status.mode & 0o7777).toString(8).padStart(4, "0");
  // A sticky folder is everybody's on purpose.
  const isShared = (status.mode & (STICKY | S_IFMT)) === (STICKY | S_IFDIR);
  const remedy = isShared ? "Make a folder in it" : `Run chmod go-w ${shellWord(part)}`;
  throw new ContainerError(
    `${search.what}: others can write ${JSON.stringify(part)} (mode ${mode})`,
    { code: "NotAllowed", hint: remedy + otherwise(search) },
  );
}

function assertOwner(search: Search, part: string, status: FileStatus): void {
  if (isTrustedUser(status.uid)) return;
  throw new ContainerError(
    `${search.what}: ${JSON.stringify(part)} belongs to user ${status.uid}, ` +
      "who could put something else in its place",
    { code: "NotAllowed", hint: `Run chown root ${shellWord(part)}${otherwise(search)}` },
  );
}

function otherwise({ isFile }: Search): string {
  return isFile ? "" : ", or give another folder";
}

/** Whether somebody may do as he likes on this machine: root, the effective user, and who got here through sudo(8). */
export function isTrustedUser(uid: number): boolean {
  return uid === 0 || trustedUsers().has(uid);
}

function trustedUsers(): Set<number> {
  const users = new Set([0, Deno.uid() ?? 0]);
  const caller = Deno.env.get("SUDO_UID");
  if (caller !== undefined && /^[0-9]{1,10}$/.test(caller)) users.add(Number(caller));
  return users;
}

/**
 * Whether anybody who is not trusted is in a group. Many systems give each user a group of their
 * own and a umask that lets it write. A group that the two files do not know may have any members.
 */
function groupHasOthers(gid: number): boolean {
  const trusted = trustedUsers();
  const accounts = linesOf("/etc/passwd").map((line) => line.split(":"));
  const trustedNames = new Set(
    accounts.filter((fields) => trusted.has(Number(fields[2]))).map((fields) => fields[0]!),
  );
  const group = linesOf("/etc/group").map((line) => line.split(":"))
    .find((fields) => Number(fields[2]) === gid);
  if (group === undefined) return true;
  const members = (group[3] ?? "").split(",").filter((name) => name !== "");
  const primary = accounts.filter((fields) => Number(fields[3]) === gid).map((fields) =>
    fields[0]!
  );
  return [...members, ...primary].some((name) => !trustedNames.has(name));
}

function linesOf(path: string): string[] {
  return Deno.readTextFileSync(path).split("\n").filter((line) => line.includes(":"));
}

/** A word as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
