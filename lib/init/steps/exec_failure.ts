import { AT_FDCWD, O_PATH, S_IFDIR, S_IFMT } from "../../../ffi/constants.ts";
import { utf8 } from "../../../ffi/cstring.ts";
import { close, openat, read, statx } from "../../../ffi/file.ts";
import { alloc } from "../../../ffi/struct.ts";
import type { ExecFailure, Executing } from "../channel.ts";
import type { InitContext } from "../context.ts";
import { openRegular } from "../regular.ts";

/** What the file looks like says why it would be refused. */
export function reasonsOf(
  path: string,
  { own }: Pick<InitContext, "own">,
): Executing["reasons"] {
  const file = lookInto(path, own);
  const reason = (code: string) => explain(path, code, file);
  return { ENOENT: reason("ENOENT"), ENOEXEC: reason("ENOEXEC"), EACCES: reason("EACCES") };
}

/** Why a file could not be run. `ENOENT` alone may mean the file, its interpreter or its loader. */
export function explain(
  path: string,
  code: string,
  file: Candidate | "directory" | undefined,
): ExecFailure {
  if (file === undefined) {
    const reason = code === "EACCES" || code === "EPERM" ? "no permission" : "not found";
    return { path, reason };
  }
  if (file === "directory") return { path, reason: "is a directory" };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELIBBAD":
      return missingPart(path, file.head);
    case "ENOEXEC":
      return notForThisMachine(path, file.head);
    case "EACCES":
    case "EPERM":
      return { path, reason: file.isExecutable ? "noexec mount" : "no permission" };
    default:
      return { path, reason: "other" };
  }
}

/** What tells of a file whether it can be run. */
interface Candidate {
  /** Its first bytes; none of one that was not read. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** Whether anybody may run it. */
  readonly isExecutable: boolean;
}

const UNREAD: Candidate["head"] = new Uint8Array(0);

/**
 * Looks at a file from outside; undefined when it cannot be opened. Under a filter there may be little to be seen.
 *
 * @param headOf reads the file that is open with O_PATH, where it may be run.
 */
export function lookAt(
  path: string,
  headOf: (place: number) => Candidate["head"] = () => UNREAD,
): Candidate | "directory" | undefined {
  let place: number;
  try {
    place = openat(AT_FDCWD, path, O_PATH);
  } catch {
    return undefined;
  }
  let head = UNREAD;
  let isExecutable = false;
  try {
    const { mode } = statx(place);
    if ((mode & S_IFMT) === S_IFDIR) return "directory";
    isExecutable = (mode & 0o111) !== 0;
    if (isExecutable) head = headOf(place);
  } catch {
    // What was seen has to do.
  } finally {
    close(place);
  }
  return { head, isExecutable };
}

/** Looks at a file that is to be run, and at how it begins. */
function lookInto(path: string, own?: number): Candidate | "directory" | undefined {
  return lookAt(path, (place) => {
    const fd = openRegular(place, (flags) => openat(AT_FDCWD, path, flags), own);
    if (fd === undefined) return UNREAD;
    try {
      return read(fd, alloc(4096)).slice();
    } finally {
      close(fd);
    }
  });
}

/** The file is there, so what it names is not: the interpreter of a script, the loader of a program. */
function missingPart(path: string, head: Uint8Array): ExecFailure {
  if (head[0] === 0x23 && head[1] === 0x21) {
    const line = utf8(head.subarray(2, 258)).split("\n")[0].trim();
    return { path, reason: "missing interpreter", what: line.split(/[ \t]/)[0] };
  }
  const loader = elfInterpreter(head);
  if (loader !== undefined) return { path, reason: "missing loader", what: loader };
  return { path, reason: "not found" };
}

/** ENOEXEC: neither a script nor a whole program of this machine. */
function notForThisMachine(path: string, head: Uint8Array): ExecFailure {
  if (head.length === 0) return { path, reason: "empty file" };
  const machine = elfMachine(head);
  if (machine === Deno.build.arch) return { path, reason: "damaged program" };
  if (machine !== undefined) return { path, reason: "wrong architecture", what: machine };
  return { path, reason: "not a program" };
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
