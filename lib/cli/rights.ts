import { capget } from "../../ffi/capability.ts";
import { readFile } from "../../ffi/file.ts";
import { ContainerError, SysError } from "../errors.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import { limitedUser, ordinaryUser } from "../runtime/ordinary_user.ts";

/** What making containers takes of root. */
const NEEDED = [
  "CAP_SYS_ADMIN",
  "CAP_NET_ADMIN",
  "CAP_SYS_CHROOT",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_CHOWN",
  "CAP_FOWNER",
  "CAP_DAC_OVERRIDE",
] as const satisfies readonly (keyof typeof CAPABILITIES)[];

const REFUSED = /\b(?:EPERM|EACCES)\b|not permitted|permission denied/i;
/** As filters have it that shall look like an old kernel. */
const HIDDEN = /\bENOSYS\b/;

/**
 * What to do about an error that comes of root having less than all rights (capabilities(7)): in a container, or in
 * a user namespace; or of a filter of system calls (seccomp(2)). Undefined for any other.
 */
export function hintOfRights(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isHidden = HIDDEN.test(error.message);
  if (!isHidden && !REFUSED.test(error.message)) return undefined;
  // What a program in a container may not run is another matter.
  if (error instanceof ContainerError && error.code === "CommandNotExecutable") return undefined;
  if (ordinaryUser() !== undefined) return undefined;
  try {
    return (isHidden ? undefined : lackOfRoot()) ?? hintOfFilter();
  } catch (unreadable) {
    // Without /proc nothing is known of it, and the error itself is to be told.
    if (unreadable instanceof SysError) return undefined;
    throw unreadable;
  }
}

function lackOfRoot(): string | undefined {
  if (limitedUser() !== undefined) {
    return "This is root of a user namespace only: run it outside of that, as root of the machine";
  }
  const { effective } = capget();
  const missing = NEEDED.filter((name) => (effective >> BigInt(CAPABILITIES[name]) & 1n) === 0n);
  if (missing.length === 0) return undefined;
  return `Root has no ${
    missing.join(", ")
  } here: a container that this is to run in takes --privileged`;
}

function hintOfFilter(): string | undefined {
  if (!/^Seccomp:\t2$/m.test(readFile("/proc/self/status"))) return undefined;
  return "A seccomp filter is on all that runs here, and may refuse the call: " +
    "a container that this is to run in takes --privileged";
}
