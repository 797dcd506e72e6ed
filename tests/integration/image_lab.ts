/** Folders for trials with images, what is in them, and programs run on them. */

import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { getdents64 } from "../../ffi/directory.ts";
import { Fd, openat, read, statx } from "../../ffi/file.ts";
import { syscall, trySyscall } from "../../ffi/libc.ts";
import { alloc } from "../../ffi/struct.ts";
import { removeTree } from "../../lib/file_tree.ts";
import { toByteString, toCString } from "../../lib/image/tar/bytes.ts";

/** A folder below /var/tmp, where attributes of all kinds are kept, removed at the end. */
export class TrialFolder implements Disposable {
  readonly path: string;

  constructor() {
    this.path = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "gocontainer-image-" });
  }

  /** Makes a folder in it and returns its path. */
  folder(name: string, mode = 0o755): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path);
    Deno.chmodSync(path, mode);
    return path;
  }

  /** Writes a file in it and returns its path. */
  file(name: string, content: Uint8Array | string): string {
    const path = `${this.path}/${name}`;
    Deno.writeFileSync(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    return path;
  }

  [Symbol.dispose](): void {
    using parent = new Fd(openat(AT_FDCWD, "/var/tmp", O_RDONLY | O_DIRECTORY));
    removeTree(parent.number, this.path.slice("/var/tmp/".length));
  }
}

/** Runs a program to its end and returns what it printed; throws with what it said when it fails. */
export function run(program: string, args: readonly string[], cwd?: string): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args: [...args], cwd })
    .outputSync();
  const said = new TextDecoder().decode(stdout);
  if (success) return said;
  throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}${said}`);
}

/** Runs a shell script. */
export function sh(script: string, cwd?: string): string {
  return run("/bin/bash", ["-euc", script], cwd);
}

/**
 * What is in a tree: for each path, one line with type, mode, owner, size, time of change to the
 * nanosecond, device number, link target, content's digest, attributes, and for a file of several
 * names the first of them. Folders have no size: that is their file system's affair.
 */
export async function manifest(path: string): Promise<Map<string, string>> {
  const lines = new Map<string, string>();
  const firstNames = new Map<string, string>();
  using root = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  await describe(root.number, ".", lines, firstNames);
  return lines;
}

async function describe(
  dirfd: number,
  path: string,
  lines: Map<string, string>,
  firstNames: Map<string, string>,
): Promise<void> {
  const name = toCString(path.slice(path.lastIndexOf("/") + 1));
  using place = new Fd(openat(dirfd, name, O_PATH | O_NOFOLLOW));
  const { mode, uid, gid, size, mtime, rdev, dev, ino, nlink } = statx(place.number);
  const type = mode & S_IFMT;
  const parts = [`${mode.toString(8)} ${uid}:${gid} ${mtime}`];
  if (type === S_IFREG || type === S_IFLNK) parts.push(`size=${size}`);
  if (rdev.major !== 0 || rdev.minor !== 0) parts.push(`device=${rdev.major}:${rdev.minor}`);
  if (type === S_IFLNK) parts.push(`to=${targetOf(place.number)}`);
  if (type !== S_IFDIR && nlink > 1) {
    const identity = `${dev.major}:${dev.minor}:${ino}`;
    if (!firstNames.has(identity)) firstNames.set(identity, path);
    parts.push(`same=${firstNames.get(identity)}`);
  }
  if (type === S_IFREG || type === S_IFDIR) {
    using file = new Fd(openat(dirfd, name, O_RDONLY | O_NOFOLLOW));
    if (type === S_IFREG) parts.push(`digest=${await digestOf(file.number)}`);
    parts.push(...attributesOf(file.number));
  }
  lines.set(path, parts.join(" "));
  if (type !== S_IFDIR) return;
  using folder = new Fd(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const child of namesIn(folder.number)) {
    await describe(folder.number, `${path}/${child}`, lines, firstNames);
  }
}

function namesIn(folder: number): string[] {
  const names: string[] = [];
  for (let entries = getdents64(folder); entries.length > 0; entries = getdents64(folder)) {
    names.push(...entries.map(({ name }) => toByteString(name.subarray(0, -1))));
  }
  return names.sort();
}

function targetOf(fd: number): string {
  const buffer = alloc(4096);
  const length = syscall("readlinkat", "", fd, cstring(""), buffer, buffer.length);
  return toByteString(buffer.subarray(0, length));
}

const buffer = alloc(1 << 20);

async function digestOf(fd: number): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let piece = read(fd, buffer); piece.length > 0; piece = read(fd, buffer)) {
    pieces.push(piece.slice());
  }
  const bytes = pieces.length === 1
    ? pieces[0]!
    : new Uint8Array(await new Blob(pieces).arrayBuffer());
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The extended attributes of an open file, in hexadecimal. */
export function attributesOf(fd: number): string[] {
  const length = trySyscall("flistxattr", fd, buffer, buffer.length);
  if (length <= 0) return [];
  const names = toByteString(buffer.subarray(0, length)).split("\0").filter((name) => name !== "");
  return names.sort().map((name) => {
    const size = syscall("fgetxattr", name, fd, toCString(name), buffer, buffer.length);
    return `${name}=${buffer.subarray(0, size).toHex()}`;
  });
}

/** The lines in which two trees differ, from `a` as -, from `b` as +. */
export function difference(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): string[] {
  const lines: string[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    if (a.get(path) === b.get(path)) continue;
    if (a.has(path)) lines.push(`- ${path} ${a.get(path)}`);
    if (b.has(path)) lines.push(`+ ${path} ${b.get(path)}`);
  }
  return lines;
}

/** Sets an extended attribute of a file or folder. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  using file = new Fd(openat(AT_FDCWD, path, O_RDONLY));
  const bytes = alloc(value.length);
  bytes.set(value);
  syscall("fsetxattr", name, file.number, cstring(name), bytes, bytes.length, 0);
}
