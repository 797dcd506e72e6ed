import { addressOf } from "./cstring.ts";
import { SysError } from "./errno.ts";
import { syscall } from "./libc.ts";
import { struct } from "./struct.ts";

/** The operation of seccomp(2) that sets a filter. */
export const SECCOMP_SET_MODE_FILTER = 1;

/** The flag of SECCOMP_SET_MODE_FILTER that makes it return a descriptor. */
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;

/** struct sock_fprog, linux/filter.h. */
export const sock_fprog = struct("struct sock_fprog", 16, {
  len: [0, "u16"],
  filter: [8, "u64"],
});

const INSTRUCTION_SIZE = 8;
const ESRCH = 3;

/**
 * A filter as seccomp(2) takes it, encoded ahead: after a fork nothing has to be allocated any more. It
 * owns the program, which the kernel reads through a pointer: keep it reachable until the call.
 */
export class SockFprog {
  /** struct sock_fprog. */
  readonly bytes: Uint8Array<ArrayBuffer>;

  /** @param program instructions (struct sock_filter) of 8 bytes each, 4096 at most. */
  constructor(readonly program: Uint8Array<ArrayBuffer>) {
    const len = program.length / INSTRUCTION_SIZE;
    this.bytes = sock_fprog.encode({ len, filter: addressOf(program) });
  }
}

/**
 * seccomp(2), SECCOMP_SET_MODE_FILTER: puts the calling process under a filter for good, and all that it
 * starts. Needs no_new_privs or CAP_SYS_ADMIN.
 *
 * @param flags SECCOMP_FILTER_FLAG_*.
 * @returns with NEW_LISTENER the descriptor on which notifications arrive, close-on-exec; else 0.
 * @throws {SysError} ESRCH when TSYNC finds a thread that has gone another way.
 */
export function seccomp(operation: number, flags: number, program: SockFprog): number {
  const result = syscall("seccomp", `flags ${flags}`, operation, flags, program.bytes);
  // Without a listener a result above 0 is the thread that could not be synchronised.
  if (result > 0 && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) === 0) {
    throw new SysError("seccomp", ESRCH, `thread ${result}`);
  }
  return result;
}
