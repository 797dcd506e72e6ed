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
const errnoCell = new Int32Array(
  Deno.UnsafePointerView.getArrayBuffer(libc.symbols.__errno_location(ZERO)!, 4),
);

/** What a system call takes: an integer, a buffer (its address is passed) or null. */
export type Arg = number | bigint | Uint8Array<ArrayBuffer> | null;

/** errno(3) of the last call that returned -1. */
export function errno(): number {
  return errnoCell[0];
}

/** syscall(2): makes the call and returns its result as it is, -1 for a failure told by {@link errno}. */
export function trySyscall(
  name: SyscallName,
  a?: Arg,
  b?: Arg,
  c?: Arg,
  d?: Arg,
  e?: Arg,
  f?: Arg,
): number {
  const number = BigInt(SYSCALLS[name]);
  // Most calls have few arguments, and one of them is a name, the second: to ask for its address would take longer
  // than the call.
  const third = c === undefined ? 0n : word(c);
  const fourth = d === undefined ? 0n : word(d);
  const fifth = e === undefined ? 0n : word(e);
  const sixth = f === undefined ? ZERO : lastWord(f);
  return b instanceof Uint8Array
    ? syscallOn(number, word(a), b, third, fourth, fifth, sixth)
    : syscallWith(number, word(a), word(b), third, fourth, fifth, sixth);
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
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((index) => word(args[index]));
  const f = lastWord(args[5]);
  return () => syscallWith(number, a, b, c, d, e, f);
}

function word(arg: Arg | undefined): bigint {
  if (arg === undefined || arg === null) return 0n;
  if (typeof arg === "number") return BigInt(arg);
  return typeof arg === "bigint" ? BigInt.asIntN(64, arg) : addressOf(arg);
}

function lastWord(arg: Arg | undefined): Uint8Array<ArrayBuffer> {
  if (arg === undefined || arg === null || arg === 0) return ZERO;
  return new Uint8Array(new BigInt64Array([word(arg)]).buffer);
}
