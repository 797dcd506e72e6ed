import { errnoName, SysError } from "./errno.ts";
import { type SyscallName, SYSCALLS } from "./syscalls.ts";
import { addressOf } from "./cstring.ts";

/**
 * The one table of libc symbols. It has three rows because `Deno.dlopen` costs about 0.2 ms for each
 * symbol, compiled anew at every start: every other function of the system is reached through
 * syscall(2) by its number.
 */
const SYMBOLS = {
  // long syscall(long number, ...);  The result is read as int: no call made here returns more.
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i32" },
  // int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions,
  //   const posix_spawnattr_t *attrp, char *const argv[], char *const envp[]);
  posix_spawn: {
    parameters: ["buffer", "buffer", "pointer", "pointer", "buffer", "buffer"],
    result: "i32",
  },
  // int *__errno_location(void);
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const libc = Deno.dlopen("libc.so.6", SYMBOLS);
const errnoCell = new Deno.UnsafePointerView(libc.symbols.__errno_location()!);

/** What a system call takes: an integer, a buffer (its address is passed) or null. */
export type Arg = number | bigint | Uint8Array<ArrayBuffer> | null;

/** errno(3) of the last call that returned -1. */
export function errno(): number {
  return errnoCell.getInt32();
}

/** syscall(2): makes the call and returns its result as it is, -1 for a failure told by {@link errno}. */
export function trySyscall(name: SyscallName, ...args: Arg[]): number {
  return libc.symbols.syscall(
    BigInt(SYSCALLS[name]),
    word(args[0]),
    word(args[1]),
    word(args[2]),
    word(args[3]),
    word(args[4]),
    word(args[5]),
  );
}

/** What a call was about, quoted, for its error: `"proc" on "/proc"`. Where calls are many, made only then. */
export type Detail = string | (() => string);

/**
 * syscall(2), retried while a signal interrupts it.
 *
 * @throws {SysError} when the call fails.
 */
export function syscall(name: SyscallName, detail: Detail, ...args: Arg[]): number {
  for (;;) {
    const result = trySyscall(name, ...args);
    if (result !== -1) return result;
    const number = errno();
    if (errnoName(number) === "EINTR") continue;
    throw new SysError(name, number, typeof detail === "string" ? detail : detail());
  }
}

/** A system call that is all worked out: making it takes no memory. `args` have to stay reachable until then. */
export function preparedSyscall(name: SyscallName, ...args: Arg[]): () => number {
  const call = libc.symbols.syscall;
  const number = BigInt(SYSCALLS[name]);
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((index) => word(args[index]));
  return () => call(number, a, b, c, d, e, f);
}

/**
 * posix_spawn(3) without file actions and attributes: a program in a new process, which shares this one's
 * memory up to its execve(2) instead of getting a copy. Returns the number of the error, 0 for none.
 */
export function tryPosixSpawn(
  pid: Uint8Array<ArrayBuffer>,
  path: Uint8Array<ArrayBuffer>,
  argv: Uint8Array<ArrayBuffer>,
  envp: Uint8Array<ArrayBuffer>,
): number {
  return libc.symbols.posix_spawn(pid, path, null, null, argv, envp);
}

function word(arg: Arg | undefined): bigint {
  if (arg === undefined || arg === null) return 0n;
  if (typeof arg === "bigint") return BigInt.asIntN(64, arg);
  if (typeof arg === "number") return BigInt(arg);
  return BigInt.asIntN(64, addressOf(arg));
}
