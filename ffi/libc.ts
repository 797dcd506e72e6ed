import { errnoName, SysError } from "./errno.ts";
import { type SyscallName, SYSCALLS } from "./syscalls.ts";
import { addressOf } from "./cstring.ts";

/**
 * A number, said to be a struct of one: it goes where the number would go, in a register or on the stack. For a
 * function that has a struct Deno compiles no fast path, which takes 0.2 ms for each at every start and pays from
 * thousands of calls on.
 */
const AS_STRUCT = { struct: ["i64"] } as const;

/** The one table of libc symbols: every other function of the system is reached through syscall(2) by its number. */
const SYMBOLS = {
  // long syscall(long number, ...);  The result is read as int: no call made here returns more.
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", AS_STRUCT], result: "i32" },
  // int *__errno_location(void);
  __errno_location: { parameters: [], result: AS_STRUCT },
} as const satisfies Deno.ForeignLibraryInterface;

const libc = Deno.dlopen("libc.so.6", SYMBOLS);
const errnoCell = cellOf(libc.symbols.__errno_location());

function cellOf(address: Uint8Array<ArrayBuffer>): Deno.UnsafePointerView {
  const [value] = new BigUint64Array(address.buffer);
  return new Deno.UnsafePointerView(Deno.UnsafePointer.create(value)!);
}

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
    lastWord(args[5]),
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
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((index) => word(args[index]));
  const f = lastWord(args[5]);
  return () => call(number, a, b, c, d, e, f);
}

function word(arg: Arg | undefined): bigint {
  if (arg === undefined || arg === null) return 0n;
  if (typeof arg === "number") return BigInt(arg);
  return typeof arg === "bigint" ? BigInt.asIntN(64, arg) : addressOf(arg);
}

const ZERO = new Uint8Array(new ArrayBuffer(8));

function lastWord(arg: Arg | undefined): Uint8Array<ArrayBuffer> {
  if (arg === undefined || arg === null || arg === 0) return ZERO;
  return new Uint8Array(new BigInt64Array([word(arg)]).buffer);
}
