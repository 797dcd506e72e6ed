import {
  AT_EMPTY_PATH,
  CLONE_INTO_CGROUP,
  CLONE_PARENT,
  CLONE_PIDFD,
  O_CLOEXEC,
  SIGNALS,
} from "./constants.ts";
import { addressOf, cstring, type CStringArray, utf8 } from "./cstring.ts";
import { errno, preparedSyscall, syscall, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
import { SCRATCH } from "./scratch.ts";
import { alloc, struct } from "./struct.ts";

/** struct siginfo as waitid(2) fills it for SIGCHLD. */
export const siginfo_child = struct("siginfo_t", 128, {
  si_signo: [0, "i32"],
  si_code: [8, "i32"],
  si_pid: [16, "i32"],
  si_status: [24, "i32"],
});

/** How a process ended: its exit code, or the number of the signal that killed it. */
export type ExitStatus = { readonly code: number } | { readonly signal: number };

const P_PID = 1;
const WEXITED = 4;
const WNOHANG = 1;
const CLD_EXITED = 1;

/** waitid(2) for one child: how it ended, or undefined with `nohang` while it still runs. */
export function waitid(pid: number, options: { nohang?: boolean } = {}): ExitStatus | undefined {
  const info = alloc(siginfo_child.size);
  const flags = WEXITED | (options.nohang ? WNOHANG : 0);
  syscall("waitid", `${pid}`, P_PID, pid, info, flags, null);
  if (siginfo_child.get(info, "si_pid") === 0) return undefined;
  const status = siginfo_child.get(info, "si_status");
  return siginfo_child.get(info, "si_code") === CLD_EXITED ? { code: status } : { signal: status };
}

/** execve(2), all worked out: making the call takes no memory. It returns -1, or not at all. */
export function preparedExecve(
  path: string,
  argv: CStringArray,
  envp: CStringArray,
): () => number {
  const file = cstring(path);
  const call = preparedSyscall("execve", file, argv.bytes, envp.bytes);
  return keeping(call, file, argv, envp);
}

/** execveat(2) with AT_EMPTY_PATH, which runs the very file that is open, all worked out. */
export function preparedFexecve(
  fd: number,
  argv: CStringArray,
  envp: CStringArray,
): () => number {
  const empty = cstring("");
  const call = preparedSyscall("execveat", fd, empty, argv.bytes, envp.bytes, AT_EMPTY_PATH);
  return keeping(call, empty, argv, envp);
}

/** A call with all that it points to, or the collector would take that before. */
function keeping(call: () => number, ...owned: unknown[]): () => number {
  return Object.assign(() => call(), { owned });
}

/** _exit(2): ends this process at once, without the ending of Deno and the C library. */
export function _exit(code: number): never {
  for (;;) trySyscall("exit_group", code);
}

/** setpgid(2): the process `pid` leads or joins the group `pgid`; 0 is the caller, and a group of his own number. */
export function setpgid(pid: number, pgid: number): void {
  syscall("setpgid", `${pid}, ${pgid}`, pid, pgid);
}

/** setsid(2). */
export function setsid(): void {
  syscall("setsid", "");
}

/** kill(2). `signal` 0 only asks whether the process is there. */
export function kill(pid: number, signal: number): void {
  syscall("kill", `${pid} with signal ${signal}`, pid, signal);
}

/** pidfd_open(2): a descriptor for the process, close-on-exec by itself. */
export function pidfd_open(pid: number): number {
  return syscall("pidfd_open", `${pid}`, pid, 0);
}

/** pidfd_send_signal(2): reaches this very process, never one that got its number later. */
export function pidfd_send_signal(pidfd: number, signal: number): void {
  syscall("pidfd_send_signal", `signal ${signal}`, pidfd, signal, null, 0);
}

/** As {@link pidfd_send_signal}; false when the process has been reaped (ESRCH), which costs no exception. */
export function tryPidfdSendSignal(pidfd: number, signal: number): boolean {
  if (trySyscall("pidfd_send_signal", pidfd, signal, null, 0) !== -1) return true;
  if (errnoName(errno()) === "ESRCH") return false;
  throw new SysError("pidfd_send_signal", errno(), `signal ${signal}`);
}

/** pidfd_getfd(2): a copy of another process's descriptor, close-on-exec. */
export function pidfd_getfd(pidfd: number, fd: number): number {
  return syscall("pidfd_getfd", `${fd}`, pidfd, fd, 0);
}

/** chdir(2). */
export function chdir(path: string): void {
  syscall("chdir", JSON.stringify(path), cstring(path));
}

/** fchdir(2). */
export function fchdir(fd: number): void {
  syscall("fchdir", `${fd}`, fd);
}

/** chroot(2). */
export function chroot(path: string): void {
  syscall("chroot", JSON.stringify(path), cstring(path));
}

/** getcwd(2) as the kernel tells it: starts with `(unreachable)` when the folder is outside the root. */
export function getcwd(): string {
  const length = syscall("getcwd", "", SCRATCH, SCRATCH.length);
  return utf8(SCRATCH.subarray(0, length - 1));
}

/** close_range(2). `last` defaults to all there are. */
export function close_range(first: number, last: number, flags: number): void {
  syscall("close_range", `${first}`, first, last, flags);
}
/** close_range(2): mark close-on-exec instead of closing. */
export const CLOSE_RANGE_CLOEXEC = 4;
/** The highest descriptor number, for close_range(2). */
export const LAST_FD = 0xffffffff;

/** dup3(2) without O_CLOEXEC: `newfd` will be open in the program. Does nothing when both are the same. */
export function dup2(oldfd: number, newfd: number): void {
  if (oldfd === newfd) clearCloseOnExec(newfd);
  else syscall("dup3", `${oldfd} as ${newfd}`, oldfd, newfd, 0);
}

/** dup3(2), close-on-exec: `newfd` is what `oldfd` is, whatever it was before. */
export function dup3(oldfd: number, newfd: number): void {
  syscall("dup3", `${oldfd} as ${newfd}`, oldfd, newfd, O_CLOEXEC);
}

/** fcntl(2): sets a descriptor's flags, of which there is one. */
export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

/** fcntl(2) F_SETFD 0: lets the descriptor through execve. */
export function clearCloseOnExec(fd: number): void {
  syscall("fcntl", `${fd}`, fd, F_SETFD, 0);
}

/** fcntl(2) F_SETFD FD_CLOEXEC: keeps the descriptor from going through execve. */
export function setCloseOnExec(fd: number): void {
  syscall("fcntl", `${fd}`, fd, F_SETFD, FD_CLOEXEC);
}

/** fcntl(2) F_DUPFD_CLOEXEC: a copy numbered `least` or higher. */
export function dupFrom(fd: number, least: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  return syscall("fcntl", `${fd}`, fd, F_DUPFD_CLOEXEC, least);
}

/** Whether a descriptor is open and goes through execve: what the caller of this program handed over is. */
export function isInherited(fd: number): boolean {
  const F_GETFD = 1;
  return trySyscall("fcntl", fd, F_GETFD) === 0;
}

/** All such descriptors from a number on. */
export function inheritedFrom(first: number): number[] {
  const RLIMIT_NOFILE = 7;
  const found: number[] = [];
  const end = Number(getrlimit(0, RLIMIT_NOFILE).soft);
  for (let fd = first; fd < end; fd++) if (isInherited(fd)) found.push(fd);
  return found;
}

/** memfd_create(2), close-on-exec, sealable: a file that only memory holds. */
export function memfd_create(name: string): number {
  const MFD_CLOEXEC = 1;
  const MFD_ALLOW_SEALING = 2;
  return syscall("memfd_create", name, cstring(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/** setresuid(2) with one id for all three. */
export function setresuid(uid: number): void {
  syscall("setresuid", `${uid}`, uid, uid, uid);
}

/** setresgid(2) with one id for all three. */
export function setresgid(gid: number): void {
  syscall("setresgid", `${gid}`, gid, gid, gid);
}

/** setfsuid(2): who this process is to file systems. Takes the capabilities for them off the effective ones. */
export function setfsuid(uid: number): void {
  trySyscall("setfsuid", uid);
}

/** setfsgid(2). */
export function setfsgid(gid: number): void {
  trySyscall("setfsgid", gid);
}

/** setgroups(2). */
export function setgroups(gids: readonly number[]): void {
  const list = new Uint32Array(new ArrayBuffer(Math.max(4, gids.length * 4)));
  list.set(gids);
  syscall("setgroups", gids.join(","), gids.length, new Uint8Array(list.buffer));
}

/** getgroups(2). */
export function getgroups(): number[] {
  const count = syscall("getgroups", "", 0, null);
  const list = new Uint32Array(new ArrayBuffer(Math.max(4, count * 4)));
  syscall("getgroups", "", count, new Uint8Array(list.buffer));
  return [...list.subarray(0, count)];
}

/** prlimit(2) of this process, all worked out: making the call takes no memory. */
export function preparedSetrlimit(resource: number, soft: bigint, hard: bigint): () => number {
  const limit = new BigUint64Array(new ArrayBuffer(16));
  limit[0] = soft;
  limit[1] = hard;
  const bytes = new Uint8Array(limit.buffer);
  return keeping(preparedSyscall("prlimit64", 0, resource, bytes, null), bytes);
}

/** prlimit(2) of another process or, with 0, of this one. `RLIM_INFINITY` is 2^64-1. */
export function setrlimit(pid: number, resource: number, soft: bigint, hard: bigint): void {
  const limit = new BigUint64Array(new ArrayBuffer(16));
  limit[0] = soft;
  limit[1] = hard;
  const detail = `resource ${resource} to ${soft}:${hard}`;
  syscall("prlimit64", detail, pid, resource, new Uint8Array(limit.buffer), null);
}

/** prlimit(2) of another process or, with 0, of this one: the limit that is in force. */
export function getrlimit(pid: number, resource: number): { soft: bigint; hard: bigint } {
  const bytes = alloc(16);
  syscall("prlimit64", `resource ${resource}`, pid, resource, null, bytes);
  const limit = new DataView(bytes.buffer);
  return { soft: limit.getBigUint64(0, true), hard: limit.getBigUint64(8, true) };
}

/** prctl(2) options that are used. */
export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NAME = 15;
export const PR_CAPBSET_READ = 23;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** prctl(2). */
export function prctl(
  option: number,
  ...args: (number | bigint | Uint8Array<ArrayBuffer>)[]
): number {
  return syscall("prctl", `option ${option}`, option, ...args);
}

/** struct clone_args, clone3(2). */
export const clone_args = struct("clone_args", 88, {
  flags: [0, "u64"],
  pidfd: [8, "u64"],
  child_tid: [16, "u64"],
  parent_tid: [24, "u64"],
  exit_signal: [32, "u64"],
  stack: [40, "u64"],
  stack_size: [48, "u64"],
  tls: [56, "u64"],
  set_tid: [64, "u64"],
  set_tid_size: [72, "u64"],
  cgroup: [80, "u64"],
});

/** The other process made by {@link clone3}. */
export interface Clone {
  /** 0 in the child. */
  readonly pid: number;
  /** A descriptor for the child; valid in the parent only. */
  readonly pidfd: number;
}

/** How {@link clone3} makes a process. */
export interface CloneOptions {
  /** CLONE_NEW* bits; CLONE_PIDFD is added. */
  readonly flags?: number;
  /** A descriptor of the cgroup v2 folder in which the child is born. */
  readonly cgroup?: number;
  /** Make it a child of the caller's parent (CLONE_PARENT), who will wait for it. */
  readonly sibling?: boolean;
}

/**
 * clone3(2) without a stack of its own, that is fork(2) into the given namespaces; the only fork
 * of the program. Returns twice.
 *
 * V8 marks its memory MADV_DONTFORK, and a plain fork gives a child that dies at the first touch of
 * it: so the mark is taken off the whole user address space first. That call reports holes and is
 * right all the same. Nothing may be allocated between the two, as memory that V8 takes anew is marked
 * again: so both calls are worked out before.
 */
export function clone3(options: CloneOptions = {}): Clone {
  const MADV_DOFORK = 11;
  const { flags = 0, cgroup, sibling } = options;
  const pidfd = new Int32Array(new ArrayBuffer(4));
  const args = clone_args.encode({
    flags: BigInt(flags | CLONE_PIDFD | (sibling ? CLONE_PARENT : 0)) |
      (cgroup === undefined ? 0n : CLONE_INTO_CGROUP),
    pidfd: addressOf(new Uint8Array(pidfd.buffer)),
    // A sibling ends with the signal that its maker's own end has.
    exit_signal: sibling ? 0 : SIGNALS.SIGCHLD,
    cgroup: cgroup ?? 0,
  });
  // The top of the user half: 47 bits on x86_64, 48 on aarch64, less the last page.
  const end = Deno.build.arch === "aarch64" ? 0x1_0000_0000_0000 - 0x10000 : 0x7fff_ffff_0000;
  const unmark = preparedSyscall("madvise", 0x10000, end - 0x10000, MADV_DOFORK);
  const fork = preparedSyscall("clone3", args, clone_args.size);
  unmark();
  const pid = fork();
  if (pid === -1) throw new SysError("clone3", errno(), `flags 0x${flags.toString(16)}`);
  return { pid, pidfd: pidfd[0] };
}
