import type { SeccompAction, SeccompArchitecture, SeccompFlag } from "../oci/seccomp_names.ts";
import type { Abi } from "./tables.ts";

/**
 * What the words of `linux.seccomp` (config-linux.md, "Seccomp") stand for in the kernel
 * (include/uapi/linux/seccomp.h, include/uapi/linux/audit.h).
 */

/** What a filter returns for an action; the lower 16 bits are for an error number. */
export const ACTIONS: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
};

/** The flags of seccomp(2). */
export const FLAGS: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1 << 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
};

/** Makes seccomp(2) return a descriptor on which notifications arrive; set by the NOTIFY action. */
export const NEW_LISTENER = 1 << 3;

/** Lets TSYNC and NEW_LISTENER go together: a thread that cannot be synchronised makes ESRCH. */
export const TSYNC_ESRCH = 1 << 4;

/** The largest error number that a system call can return (include/linux/err.h, MAX_ERRNO). */
export const MAX_ERRNO = 4095;

/** The names of the architectures that a machine can run. */
export const ARCHITECTURES: Readonly<Record<Abi, SeccompArchitecture>> = {
  x86_64: "SCMP_ARCH_X86_64",
  x86: "SCMP_ARCH_X86",
  x32: "SCMP_ARCH_X32",
  aarch64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
};

/** AUDIT_ARCH_*, what `seccomp_data.arch` holds. x32 is told from x86_64 by the call's number alone. */
export const AUDIT_ARCH = {
  x86_64: 0xc000_003e,
  x86: 0x4000_0003,
  x32: 0xc000_003e,
  aarch64: 0xc000_00b7,
  arm: 0x4000_0028,
} as const satisfies Record<Abi, number>;

const EPERM = 1;

/** What a filter returns: ERRNO and TRACE carry an error number, EPERM where none is given. */
export function returnValue(action: SeccompAction, errno = EPERM): number {
  const carries = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return (ACTIONS[action] | (carries ? errno : 0)) >>> 0;
}
