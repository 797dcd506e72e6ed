/** Puts itself under filters by way of the wrapper, and prints what came of it. */

import { syscall } from "../../../ffi/libc.ts";
import { seccomp, SECCOMP_SET_MODE_FILTER, SockFprog } from "../../../ffi/seccomp.ts";
import type { Seccomp } from "../../../lib/oci/spec.ts";
import { compileSeccomp } from "../../../lib/seccomp/compile.ts";

const PR_SET_NO_NEW_PRIVS = 38;
const F_GETFD = 1, FD_CLOEXEC = 1;

function set(config: Seccomp, more = 0): number {
  const { program, flags } = compileSeccomp(config);
  return seccomp(SECCOMP_SET_MODE_FILTER, flags | more, new SockFprog(program));
}

function message(action: () => void): string {
  try {
    action();
    return "no error";
  } catch (error) {
    return (error as Error).message;
  }
}

syscall("prctl", "", PR_SET_NO_NEW_PRIVS, 1);
const plain = set({
  defaultAction: "SCMP_ACT_ALLOW",
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  syscalls: [{ names: ["getppid"], action: "SCMP_ACT_ERRNO", errnoRet: 100 }],
});
const listener = set({
  defaultAction: "SCMP_ACT_ALLOW",
  flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
  listenerPath: "/listener",
  syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
});
const refused = message(() => set({ defaultAction: "SCMP_ACT_ALLOW", flags: [] }, 1024));
console.log(JSON.stringify({
  plain: { result: plain, call: message(() => syscall("getppid", "")) },
  notify: {
    isDescriptor: listener > 2,
    isCloseOnExec: (syscall("fcntl", "", listener, F_GETFD) & FD_CLOEXEC) !== 0,
  },
  refused,
}));
