import { utf8 } from "../../ffi/cstring.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { Fd, openat, openInRoot, read, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { isDigits } from "../digits.ts";
import { ContainerError, reasonOf, SysError } from "../errors.ts";

/** Who a container's program runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The groups that the user is in besides; without `gid`. */
  readonly additionalGids: number[];
  /** As in /etc/passwd; without an entry `root` for 0, or else the number. */
  readonly name: string;
  /** An absolute path in the container; `/` where nothing is known. */
  readonly home: string;
}

/** The most bytes that are read of a file of an image. */
const SIZE_LIMIT = 10 * 1024 * 1024;
/** Ids above this are negative to some programs, and one of them is root again after truncation. */
const ID_LIMIT = 2 ** 31 - 1;
/** The fields of passwd(5), of which group(5) has fewer. */
const FIELDS = 7;
/** The most groups that setgroups(2) takes. */
const GROUP_LIMIT = 65536;

/**
 * Finds a user in the /etc/passwd and /etc/group of a root file system, as docker does: digits are
 * always a number, which needs no entry; a name needs one. The group, where it is not given, is the
 * one of the user's entry, or 0, and only then the user is in the other groups of /etc/group too.
 *
 * The files are the image's, and may be anything: they are looked up inside the root, opened for
 * reading only once they have turned out to be regular files, and read up to 10 MiB.
 *
 * @param rootfs the root's path, or a descriptor of it, which stays the caller's
 * @param user `USER[:GROUP]`, each a name or a number of up to 2147483647; root where it is empty
 * @throws {ContainerError} NotFound for a name that is not there, InvalidArgument, Failed
 */
export function resolveUser(rootfs: string | number, user: string): ResolvedUser {
  if (typeof rootfs === "number") return resolveIn(rootfs, user);
  using root = new Fd(openat(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY));
  return resolveIn(root.number, user);
}

function resolveIn(root: number, user: string): ResolvedUser {
  const [userPart = "", groupPart, ...rest] = user.split(":");
  if (rest.length > 0 || groupPart === "") {
    throw new ContainerError(`use user ${JSON.stringify(user)}: this is not USER[:GROUP]`, {
      code: "InvalidArgument",
      hint: "Give names or numbers, as in nobody:nogroup or 1000:1000",
    });
  }
  const { listed, ...account } = findAccount(root, userPart === "" ? "0" : userPart);
  if (groupPart !== undefined) {
    return { ...account, gid: findGroup(root, groupPart), additionalGids: [] };
  }
  const gids = listed ? groupsOf(root, account.name) : [];
  return { ...account, additionalGids: gids.filter((gid) => gid !== account.gid) };
}

function findAccount(
  root: number,
  user: string,
): Omit<ResolvedUser, "additionalGids"> & { listed: boolean } {
  const number = idOf(user);
  for (const [name, , uidText, gidText, , home] of entries(root, "etc/passwd")) {
    if (number === undefined ? name !== user : Number(uidText) !== number) continue;
    const uid = idIn(uidText);
    const gid = idIn(gidText);
    if (uid === undefined || gid === undefined || name === undefined || name === "") continue;
    return { uid, gid, name, home: home?.startsWith("/") ? home : "/", listed: true };
  }
  if (number === undefined) throw unknown("user", user, "etc/passwd");
  const name = number === 0 ? "root" : String(number);
  return { uid: number, gid: 0, name, home: "/", listed: false };
}

function findGroup(root: number, group: string): number {
  const number = idOf(group);
  if (number !== undefined) return number;
  for (const [name, , gidText] of entries(root, "etc/group")) {
    if (name !== group) continue;
    const gid = idIn(gidText);
    if (gid !== undefined) return gid;
  }
  throw unknown("group", group, "etc/group");
}

/** The groups that list a user as their member. */
function groupsOf(root: number, user: string): number[] {
  const gids = new Set<number>();
  for (const [, , gidText, members] of entries(root, "etc/group")) {
    if (members === undefined || !`,${members},`.includes(`,${user},`)) continue;
    const gid = idIn(gidText);
    if (gid !== undefined) gids.add(gid);
    if (gids.size > GROUP_LIMIT) {
      throw new ContainerError(
        `use user ${JSON.stringify(user)}: the image has it in more than ${GROUP_LIMIT} groups`,
      );
    }
  }
  return [...gids];
}

function unknown(kind: string, name: string, file: string): ContainerError {
  return new ContainerError(
    `use ${kind} ${JSON.stringify(name)}: the image's /${file} has no such ${kind}`,
    { code: "NotFound", hint: `Give a name that is there, or a number` },
  );
}

/** The id that an argument is, or undefined for a name. */
function idOf(text: string): number | undefined {
  if (!isDigits(text)) return undefined;
  const id = Number(text);
  if (id <= ID_LIMIT) return id;
  throw new ContainerError(`use id ${text}: the highest is ${ID_LIMIT}`, {
    code: "InvalidArgument",
    hint: "Give a lower number, or a name",
  });
}

/** The id in a field of a file; undefined for what is none. */
function idIn(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 10 || !isDigits(text)) return undefined;
  const id = Number(text);
  return id <= ID_LIMIT ? id : undefined;
}

/** The first fields of each line of a file like passwd(5); none where there is no such file. */
function* entries(root: number, path: string): Generator<string[]> {
  const text = readFile(root, path);
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(start, end).split(":", FIELDS);
    start = end + 1;
  }
}

function readFile(root: number, path: string): string {
  using place = tryOpen(root, path);
  if (place === undefined) return "";
  const status = statx(place.number);
  if ((status.mode & S_IFMT) !== S_IFREG) {
    throw new ContainerError(`read the image's /${path}: it is not a regular file`);
  }
  if (status.size > SIZE_LIMIT) throw tooLarge(path);
  // To open a fifo or a device would do something; a plain file is opened through its O_PATH one.
  using file = new Fd(openat(AT_FDCWD, `/proc/self/fd/${place.number}`, O_RDONLY));
  const bytes = alloc(status.size + 1);
  let length = 0;
  while (length < bytes.length) {
    const piece = read(file.number, bytes.subarray(length));
    if (piece.length === 0) break;
    length += piece.length;
  }
  return utf8(bytes.subarray(0, length));
}

function tooLarge(path: string): ContainerError {
  return new ContainerError(`read the image's /${path}: it has more than 10 MiB`);
}

function tryOpen(root: number, path: string): Fd | undefined {
  try {
    return new Fd(openInRoot(root, path, O_PATH));
  } catch (error) {
    if (error instanceof SysError && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return undefined;
    }
    throw new ContainerError(
      `read the image's /${path}: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}
