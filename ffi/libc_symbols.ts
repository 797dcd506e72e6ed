/**
 * A number, said to be a struct of one: it goes where the number would go, in a register or on the stack. For a
 * function that takes a struct Deno compiles no fast path, which takes 0.2 ms for each at every start and pays from
 * thousands of calls on.
 */
const AS_STRUCT = { struct: ["i64"] } as const;

/** The one table of libc symbols: every other function of the system is reached through syscall(2) by its number. */
export const LIBC_SYMBOLS = {
  // long syscall(long number, ...);  The result is read as int: no call made here returns more.
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", AS_STRUCT], result: "i32" },
  // The same, with a buffer for the second argument.
  syscallOn: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "i64", "i64", "i64", AS_STRUCT],
    result: "i32",
  },
  // int *__errno_location(void);  What it takes is there for the struct alone.
  __errno_location: { parameters: [AS_STRUCT], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** mmap(2), which returns more than an int: for the loader of the compiled program alone. */
export const MMAP = {
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
  parameters: ["i64", "i64", "i64", "i64", "i64", AS_STRUCT],
  result: "pointer",
} as const satisfies Deno.ForeignFunction;
