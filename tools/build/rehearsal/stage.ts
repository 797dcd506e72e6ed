/** What the program has in place of the kernel while it rehearses. */

import {
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
} from "../../../ffi/constants.ts";
import { addressOf, cstring } from "../../../ffi/cstring.ts";
import { open_how } from "../../../ffi/file.ts";
import { trySyscall } from "../../../ffi/libc.ts";
import { type SyscallName, SYSCALLS } from "../../../ffi/syscalls.ts";
import {
  allReady,
  answerTo,
  askedOfDevice,
  ended,
  partOf,
  type Question,
  questionOf,
  received,
  sentFromBridge,
} from "./answers.ts";
import { textAt, viewAt } from "./memory.ts";
import type { Props } from "./props.ts";

/** How an act ends: the program would have become another one, or ended. */
export class Curtain extends Error {
  constructor(readonly call: "execve" | "exit", readonly code = 0) {
    super(`${call} ${code}`);
  }
}

/** What one act takes. */
export interface Act {
  /** The command line. */
  readonly words: readonly string[];
  /** Whether it builds up folders of its own, file by file: then what is relative to them is done, not pretended. */
  readonly builds?: boolean;
  /** What the process says that it makes. */
  readonly said: readonly Uint8Array[];
}

/** Calls that only look. */
const LOOKS: readonly SyscallName[] = [
  "capget",
  "faccessat2",
  "fcntl",
  "fstat",
  "fstatfs",
  "getcwd",
  "getdents64",
  "getpid",
  "getppid",
  "getrandom",
  "gettid",
  "lseek",
  "memfd_create",
  "openat",
  "openat2",
  "pipe2",
  "pread64",
  "read",
  "readlinkat",
  "sched_getaffinity",
  "socketpair",
  "statfs",
  "statx",
];

/** Where a call has its paths; the last one is what it is about. */
const PATHS: Partial<Record<SyscallName, readonly number[]>> = {
  faccessat2: [1],
  fchmodat: [1],
  fchownat: [1],
  linkat: [1, 3],
  mkdirat: [1],
  mknodat: [1],
  openat: [1],
  openat2: [1],
  readlinkat: [1],
  renameat2: [1, 3],
  statx: [1],
  symlinkat: [2],
  unlinkat: [1],
  utimensat: [1],
};

/** Deeds whose first argument is the descriptor of what they are about. */
const BY_DESCRIPTOR: readonly SyscallName[] = ["fchmod", "fsync", "ftruncate"];

/** What takes rights, or a file system that has it: pretended also where the program may write. */
const PRIVILEGED: readonly SyscallName[] = ["fchown", "fchownat", "fsetxattr", "mknodat"];

/** Calls that give a descriptor. */
const OPENING: readonly SyscallName[] = [
  "accept4",
  "bpf",
  "fsmount",
  "fsopen",
  "fspick",
  "memfd_create",
  "open_tree",
  "openat",
  "openat2",
  "pidfd_getfd",
  "pidfd_open",
  "signalfd4",
  "socket",
  "timerfd_create",
];

/** Where a call puts two of them. */
const PAIRS: Partial<Record<SyscallName, number>> = { pipe2: 0, socketpair: 3 };

/** Flags of openat(2) with which it is a deed. */
const WRITING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

/**
 * The kernel of one act. The program may look at the machine, and write below the folder of the props;
 * every other deed is pretended: the call succeeds and nothing happens. So a rehearsal takes no rights
 * and leaves nothing, whoever builds.
 */
export class Stage implements Disposable {
  readonly #props: Props;
  readonly #act: Act;
  /** Descriptors opened in this act, and whether what is written to them is written. */
  readonly #open = new Map<number, boolean>();
  /** Those of them that are folders and files of the program's own. */
  readonly #own = new Set<number>();
  /** Names of what was made as far as the program knows, and by which call. */
  readonly #made = new Map<string, SyscallName>();
  /** How much of what was said has been heard. */
  #heard = 0;
  /** Of the last question to netlink. */
  #question?: Question;
  #curtain?: Curtain;

  constructor(props: Props, act: Act) {
    this.#props = props;
    this.#act = act;
  }

  /** syscall(2) as the program calls it. */
  readonly syscall = (
    number: number | bigint,
    ...words: (number | bigint | Uint8Array<ArrayBuffer>)[]
  ): number => {
    const name = NAMES.get(Number(number))!;
    // The last one is a struct of a number (ffi/libc_symbols.ts), others are buffers.
    const last = words.length - 1;
    const args = words.map((word, i) => {
      if (typeof word !== "object") return Number(word);
      return Number(i === last ? new BigInt64Array(word.buffer)[0] : addressOf(word));
    });
    return this.#special(name, args) ?? this.#ordinary(name, args);
  };

  /** posix_spawn(3): the new process is there, and has said all that it will say. */
  readonly posixSpawn = (pid: Uint8Array<ArrayBuffer>): number => {
    new DataView(pid.buffer).setInt32(0, Deno.pid, true);
    return 0;
  };

  /** Ends the act. The program may go on as after a failure: whatever it does then, this was its end. */
  fall(call: Curtain["call"], code?: number): never {
    throw this.#curtain ??= new Curtain(call, code);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.keys()) trySyscall("close", fd);
  }

  /** What is answered in a way of its own; undefined for all else. */
  #special(name: SyscallName, args: number[]): number | undefined {
    switch (name) {
      case "clone3":
        return Deno.pid;
      case "execve":
      case "execveat":
        return this.fall("execve");
      case "exit_group":
        return this.fall("exit", args[0]);
      case "waitid":
        return ended(args[1], args[2]);
      case "sendmsg":
        return partOf(args[1]).length;
      case "recvmsg":
        return received(args[1], this.#act.said[this.#heard++] ?? new Uint8Array());
      case "sendto":
        this.#question = questionOf(args[1]);
        return args[2];
      case "recvfrom":
        return answerTo(this.#question!, args[1]);
      case "ppoll":
        return allReady(args[0], args[1]);
      case "ioctl":
        if (args[1] === NS_GET_NSTYPE) return trySyscall("ioctl", ...args);
        return askedOfDevice(args[1], args[2]);
      case "open_tree":
        return this.#bound(args[0], args[1]);
      case "getsockname":
        return sentFromBridge(args[1]);
      case "prctl":
        // PR_CAPBSET_READ: the capability is there.
        return 1;
      case "mmap":
      case "mprotect":
      case "munmap":
        return trySyscall(name, ...args);
      case "umask":
        return 0o022;
      case "close":
        this.#own.delete(args[0]);
        return this.#open.delete(args[0]) ? trySyscall("close", ...args) : 0;
      case "dup3":
        return this.#copy(args);
      case "write":
        return this.#open.get(args[0]) ? trySyscall("write", ...args) : args[2];
    }
    return undefined;
  }

  /** Something that is to be bound, which is a file or a folder; undefined where it is only pretended to be there. */
  #bound(dirfd: number, path: number): number | undefined {
    const fd = textAt(path) === ""
      ? trySyscall("fcntl", dirfd, F_DUPFD_CLOEXEC, 3)
      : trySyscall("openat", dirfd, path, O_PATH | O_CLOEXEC);
    if (fd === -1) return undefined;
    this.#open.set(fd, false);
    return fd;
  }

  /** Only among what was opened here: standard input and output are not the program's. */
  #copy(args: number[]): number {
    const [oldfd, newfd] = args;
    const isOwn = this.#open.get(oldfd);
    if (isOwn === undefined || newfd <= 2) return newfd;
    this.#open.set(newfd, isOwn);
    return trySyscall("dup3", ...args);
  }

  #ordinary(name: SyscallName, args: number[]): number {
    const places = PATHS[name] ?? [];
    const paths = places.map((index) =>
      args[index] === 0 ? "" : this.#props.pathOf(textAt(args[index]))
    );
    const path = paths.at(-1) ?? "";
    const isDeed = !LOOKS.includes(name) || (flagsOf(name, args) & WRITING) !== 0;
    const isOwn = this.#isOwn(name, args, places, paths);
    const isPretended = isDeed && (!isOwn || PRIVILEGED.includes(name));
    if (isPretended || this.#props.isStaged(path)) {
      if (isDeed) this.#made.set(nameOf(path), name);
      return this.#pretend(name);
    }
    // They have to stay reachable until the call is made.
    const strings = paths.map(cstring);
    places.forEach((index, i) => args[index] &&= Number(addressOf(strings[i])));
    if (name === "openat" && isDeed) args[2] |= O_NOFOLLOW;
    const result = trySyscall(name, ...args);
    if (result === -1) {
      const made = this.#made.get(nameOf(path));
      if (OPENING.includes(name) && made !== undefined) return this.#pretend(name, made);
      return name === "read" || name === "getdents64" ? 0 : -1;
    }
    // All belongs to root here.
    if (name === "statx") viewAt(args[4], 256).setUint32(STX_UID, 0, true);
    const pair = PAIRS[name];
    if (pair !== undefined) {
      const fds = viewAt(args[pair], 8);
      for (const at of [0, 4]) this.#open.set(fds.getInt32(at, true), false);
    }
    const isOpening = OPENING.includes(name) || (name === "fcntl" && args[1] === F_DUPFD_CLOEXEC);
    if (isOpening) this.#open.set(result, isDeed || name === "memfd_create");
    if (isOpening && this.#props.isOwn(pathOfOpen(result))) this.#own.add(result);
    return result;
  }

  /** Whether what a call is about is the program's: by its path, or by the descriptor where it has none or begins there. */
  #isOwn(
    name: SyscallName,
    args: readonly number[],
    places: readonly number[],
    paths: readonly string[],
  ): boolean {
    const { builds = false } = this.#act;
    if (places.length === 0) {
      return builds && BY_DESCRIPTOR.includes(name) && this.#own.has(args[0]);
    }
    return places.every((place, i) => {
      const path = paths[i];
      if (path.startsWith("/")) return this.#props.isOwn(path);
      return builds && this.#own.has(args[place - 1]) && isBeneath(args[place - 1], path);
    });
  }

  /** @param made the call that has made what is opened. */
  #pretend(name: SyscallName, made?: SyscallName): number {
    if (!OPENING.includes(name)) return 0;
    const fd = made === "mknodat" ? this.#props.anyFile() : this.#props.anyFolder();
    this.#open.set(fd, false);
    return fd;
  }
}

const NAMES = new Map(
  Object.entries(SYSCALLS).map(([name, number]) => [number, name as SyscallName]),
);
const NS_GET_NSTYPE = 0xb703;
const F_DUPFD_CLOEXEC = 1030;
/** Where struct statx has the owner. */
const STX_UID = 20;

/** The flags of a call that opens a file; none of others. */
function flagsOf(name: SyscallName, args: readonly number[]): number {
  if (name === "openat") return args[2];
  // Struct open_how (openat2(2)).
  if (name === "openat2") return Number(viewAt(args[2], 8).getBigUint64(0, true));
  return 0;
}

/** Whether a relative path leads to something in its folder or below, through no link. */
function isBeneath(dirfd: number, path: string): boolean {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const how = open_how.encode({ flags: O_PATH | O_CLOEXEC, mode: 0, resolve });
  const parent = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  const fd = trySyscall("openat2", dirfd, cstring(parent), how, open_how.size);
  if (fd === -1) return false;
  trySyscall("close", fd);
  return nameOf(path) !== "..";
}

/** Where a descriptor leads. */
function pathOfOpen(fd: number): string {
  const buffer = new Uint8Array(new ArrayBuffer(4096));
  const link = cstring(`/proc/self/fd/${fd}`);
  const length = trySyscall("readlinkat", AT_FDCWD, link, buffer, buffer.length);
  return new TextDecoder().decode(buffer.subarray(0, Math.max(length, 0)));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
