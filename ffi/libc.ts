import { errnoName, SysError } from "./errno.ts";
import { type SyscallName, SYSCALLS } from "./syscalls.ts";
import { addressOf } from "./cstring.ts";
import { LIBC_SYMBOLS } from "./libc_symbols.ts";

type Libc = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>;

/** Where the loader of the compiled program (tools/build/loader.ts) leaves the library, which it needs before. */
declare global {
  var libcOfLoader: Libc | undefined;
}

const ZERO = new Uint8Array(new ArrayBuffer(8));
const libc: Libc = globalThis.libcOfLoader ?? Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
const { syscall: syscallWith, syscallOn } = libc.symbols;
const errnoCell = new Deno.UnsafePointerView(libc.symbols.__errno_location(ZERO)!);

/** What a system call takes: an integer, a buffer (its address is passed) or null. */
export type Arg = number | bigint | Uint8Array<ArrayBuffer> | null;

/** errno(3) of the last call that returned -1. */
export function errno(): number {
  return errnoCell.getInt32();
}

/** syscall(2): makes the call and returns its result as it is, -1 for a failure told by {@link errno}. */
export function trySyscall(
  name: SyscallName,
  a: Arg = 0,
  b: Arg = 0,
  c: Arg = 0,
  d: Arg = 0,
  e: Arg = 0,
  f: Arg = 0,
): number {
  const number = BigInt(SYSCALLS[name]);
  // Most calls with a buffer have one name there. To ask for its address would take longer than the call.
  return b instanceof Uint8Array
    ? syscallOn(number, word(a), b, word(c), word(d), word(e), lastWord(f))
    : syscallWith(number, word(a), word(b), word(c), word(d), word(e), lastWord(f));
}

/** What a call was about, quoted, for its error: `"proc" on "/proc"`. Where calls are many, made only then. */
export type Detail = string | (() => string);

/**
 * syscall(2), retried while a signal interrupts it.
 *
 * @throws {SysError} when the call fails.
 */
export function syscall(
  name: SyscallName,
  detail: Detail,
  a?: Arg,
  b?: Arg,
  c?: Arg,
  d?: Arg,
  e?: Arg,
  f?: Arg,
): number {
  for (;;) {
    const result = trySyscall(name, a, b, c, d, e, f);
    if (result !== -1) return result;
    const number = errno();
    if (errnoName(number) === "EINTR") continue;
    throw new SysError(name, number, typeof detail === "string" ? detail : detail());
  }
}

/** A system call that is all worked out: making it takes no memory. `args` have to stay reachable until then. */
export function preparedSyscall(name: SyscallName, ...args: Arg[]): () => number {
  const number = BigInt(SYSCALLS[name]);
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((index) => word(args[index] ?? 0));
  const f = lastWord(args[5] ?? 0);
  return () => syscallWith(number, a, b, c, d, e, f);
}

function word(arg: Arg): bigint {
  if (arg === 0 || arg === null) return 0n;
  if (typeof arg === "number") return BigInt(arg);
  return typeof arg === "bigint" ? BigInt.asIntN(64, arg) : addressOf(arg);
}

function lastWord(arg: Arg): Uint8Array<ArrayBuffer> {
  if (arg === 0 || arg === null) return ZERO;
  return new Uint8Array(new BigInt64Array([word(arg)]).buffer);
}
