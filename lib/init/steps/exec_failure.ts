import { AT_FDCWD, O_PATH, S_IFDIR, S_IFMT } from "../../../ffi/constants.ts";
import { utf8 } from "../../../ffi/cstring.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, type FileStatus, openat, read, statx } from "../../../ffi/file.ts";
import { isOnNoexecMount } from "../../../ffi/statfs.ts";
import { alloc } from "../../../ffi/struct.ts";
import type { ExecFailure, Executing } from "../channel.ts";
import type { InitContext } from "../context.ts";
import { openRegular } from "../regular.ts";

/**
 * Why execve(2) may refuse a program, by the errors that it would answer. What the file looks like tells, and where it
 * is a script, what its interpreter looks like.
 */
export function reasonsOf(
  path: string,
  { own }: Pick<InitContext, "own">,
): Executing["reasons"] {
  const files: Candidate[] = [];
  for (
    let next: string | undefined = path;
    next !== undefined && files.length <= MAX_INTERPRETERS + 1;
    next = interpreterOf(files.at(-1)!)
  ) {
    files.push(lookInto(next, own));
  }
  const reason = (code: string) => explain(files, code);
  return {
    ENOENT: reason("ENOENT"),
    ENOEXEC: reason("ENOEXEC"),
    EACCES: reason("EACCES"),
    ELOOP: reason("ELOOP"),
    ELIBBAD: reason("ELIBBAD"),
  };
}

/** So many does the kernel go through, each the interpreter of the one before. */
const MAX_INTERPRETERS = 5;

/**
 * Why a program could not be run.
 *
 * @param files the program; where that is a script its interpreter, and so on, up to the one that is none or cannot be
 * run.
 * @param code the name of the error.
 */
export function explain(files: readonly Candidate[], code: string): ExecFailure {
  const [{ path }, ...interpreters] = files.slice(0, blamed(files, code) + 1);
  const why = files.length > MAX_INTERPRETERS + 1 && code === "ELOOP"
    ? { reason: "too many interpreters" } as const
    : reasonOf(interpreters.at(-1) ?? files[0], code, interpreters.length > 0);
  if (interpreters.length === 0) return { path, ...why };
  return { path, ...why, interpreters: interpreters.map(({ path }) => path) };
}

/**
 * Which of the files is at fault: the last one, but for one before it that is not for this user. Who looks may be root,
 * who sees of that no more than the permission bits.
 */
function blamed(files: readonly Candidate[], code: string): number {
  const last = files.length - 1;
  if (last === 0 || code !== "EACCES" || isOutOfReach(files[last])) return last;
  const isForSome = ({ mode }: Candidate) => (mode & 0o111) !== 0 && (mode & 0o001) === 0;
  const first = files.findIndex((file, index) => index > 0 && isForSome(file));
  return first === -1 ? 1 : first;
}

function reasonOf(file: Candidate, code: string, isInterpreter: boolean): Why {
  if (isDirectory(file)) return { reason: "is a directory" };
  const isSeen = file.mode !== UNSEEN;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return isSeen ? aboutLoader("missing loader", file) : { reason: "not found" };
    case "ELIBBAD":
    case "EIO":
      return aboutLoader("unfit loader", file);
    case "ENOEXEC":
      return notForThisMachine(file);
    case "ELOOP":
      return { reason: isSeen ? "other" : "circular links" };
    case "EACCES":
    case "EPERM":
      if (file.error === "EACCES") {
        return { reason: "closed folder", what: closedFolder(file.path) };
      }
      if (file.isNoexec) return { reason: "noexec mount" };
      // That the user may run the program itself is known where it was read.
      return file.head === undefined || isInterpreter
        ? { reason: "no permission" }
        : aboutLoader("unfit loader", file);
    default:
      return { reason: isSeen ? "other" : "not found" };
  }
}

type Why = Pick<ExecFailure, "reason" | "what">;

/** What tells of a file whether it can be run. */
export interface Candidate {
  readonly path: string;
  /** Type and permission bits. */
  readonly mode: number;
  /** Why it cannot be seen: the name of the error. */
  readonly error?: string;
  /** Whether its mount lets nobody run it. */
  readonly isNoexec?: boolean;
  /** Its first bytes, where they were read. */
  readonly head?: Uint8Array<ArrayBuffer>;
}

/** In the place of a mode: no file has it. */
const UNSEEN = 0;

function isDirectory({ mode }: Candidate): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

/** Whether it is seen that it may not be run. */
function isOutOfReach(file: Candidate): boolean {
  return isDirectory(file) || file.isNoexec === true || file.error === "EACCES" ||
    (file.mode !== UNSEEN && (file.mode & 0o111) === 0);
}

/**
 * Looks at a file from outside. Under a filter there may be little to be seen.
 *
 * @param headOf reads the file that is open with O_PATH, where it may be run.
 */
export function lookAt(
  path: string,
  headOf?: (place: number, status: FileStatus) => Candidate["head"],
): Candidate {
  let place: number;
  try {
    place = openat(AT_FDCWD, path, O_PATH);
  } catch (error) {
    return { path, mode: UNSEEN, error: error instanceof SysError ? error.code : "" };
  }
  let seen: Candidate = { path, mode: UNSEEN };
  try {
    const status = statx(place);
    seen = { path, mode: status.mode };
    if (isDirectory(seen) || (seen.mode & 0o111) === 0) return seen;
    seen = { ...seen, isNoexec: isOnNoexecMount(place) };
    if (!seen.isNoexec) seen = { ...seen, head: headOf?.(place, status) };
  } catch {
    // What was seen has to do.
  } finally {
    close(place);
  }
  return seen;
}

/** Looks at a file that is to be run, and at how it begins. */
function lookInto(path: string, own?: number): Candidate {
  return lookAt(path, (place, status) => {
    const fd = openRegular(place, (flags) => openat(AT_FDCWD, path, flags), own, status);
    if (fd === undefined) return undefined;
    try {
      return read(fd, alloc(4096)).slice();
    } finally {
      close(fd);
    }
  });
}

/** The first folder on the way to a file that may not be searched; undefined where it is on the way of a link. */
function closedFolder(path: string): string | undefined {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/") || "/").find(isClosed);
}

function isClosed(folder: string): boolean {
  try {
    close(openat(AT_FDCWD, `${folder}/.`, O_PATH));
    return false;
  } catch {
    return true;
  }
}

/** What the first line of a script names, as execve(2) reads it; undefined of another file. */
function interpreterOf({ head }: Candidate): string | undefined {
  if (head?.[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const [TAB, LF, SPACE, LONGEST] = [9, 10, 32, 256];
  const isSpace = (byte: number) => byte === SPACE || byte === TAB;
  let start = 2;
  while (isSpace(head[start])) start++;
  let end = start;
  while (end < head.length && !isSpace(head[end]) && head[end] !== LF && head[end] !== 0) end++;
  return end === start || end >= LONGEST ? undefined : utf8(head.subarray(start, end));
}

/** Nothing is the matter with the file itself: so it is with the loader that it names, if it does. */
function aboutLoader(reason: "missing loader" | "unfit loader", { head }: Candidate): Why {
  const loader = head && elfInterpreter(head);
  return loader === undefined ? { reason: "other" } : { reason, what: loader };
}

/** ENOEXEC: neither a script nor a whole program of this machine. */
function notForThisMachine({ head }: Candidate): Why {
  if (head === undefined) return { reason: "other" };
  if (head.length === 0) return { reason: "empty file" };
  const machine = elfMachine(head);
  if (machine === Deno.build.arch) return { reason: "damaged program" };
  if (machine !== undefined) return { reason: "wrong architecture", what: machine };
  // Scripts that carry something do so behind their text.
  return head.subarray(0, 256).includes(0)
    ? { reason: "not a program", what: "binary" }
    : { reason: "not a program" };
}

/** By e_machine, those of this program as `Deno.build.arch` has them. */
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: "i386",
  8: "mips",
  20: "powerpc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  258: "loongarch",
};

function isElf(head: Uint8Array): boolean {
  return head.length >= 20 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c &&
    head[3] === 0x46;
}

/** e_machine of an ELF header, elf(5). */
function elfMachine(head: Uint8Array): string | undefined {
  if (!isElf(head)) return undefined;
  const bigEndian = head[5] === 2;
  const machine = bigEndian ? head[18] * 256 + head[19] : head[19] * 256 + head[18];
  return ELF_MACHINES[machine] ?? `ELF machine ${machine}`;
}

/** The path in PT_INTERP of a little-endian 64- or 32-bit ELF file, elf(5), if it lies in the first bytes. */
function elfInterpreter(head: Uint8Array): string | undefined {
  if (!isElf(head) || head.length < 64 || head[5] !== 1) return undefined;
  const PT_INTERP = 3;
  const [SIZE_64, SIZE_32] = [56, 32];
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const is64 = head[4] === 2;
  const phoff = is64 ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const phentsize = view.getUint16(is64 ? 54 : 42, true);
  // The kernel takes no other size, and within that all fields lie.
  if (phentsize !== (is64 ? SIZE_64 : SIZE_32)) return undefined;
  const phnum = view.getUint16(is64 ? 56 : 44, true);
  for (let i = 0; i < phnum; i++) {
    const at = phoff + i * phentsize;
    if (at + phentsize > head.length) return undefined;
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const offset = is64 ? Number(view.getBigUint64(at + 8, true)) : view.getUint32(at + 4, true);
    const size = is64 ? Number(view.getBigUint64(at + 32, true)) : view.getUint32(at + 16, true);
    if (offset + size > head.length || size === 0) return undefined;
    return utf8(head.subarray(offset, offset + size - 1));
  }
  return undefined;
}
