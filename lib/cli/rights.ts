import { capget } from "../../ffi/capability.ts";
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

/**
 * What to do about an error that comes of root having less than all rights (capabilities(7)): in a container, or in
 * a user namespace. Undefined for any other.
 */
export function hintOfRights(error: unknown): string | undefined {
  if (!(error instanceof Error) || !REFUSED.test(error.message)) return undefined;
  // What a program in a container may not run is another matter.
  if (error instanceof ContainerError && error.code === "CommandNotExecutable") return undefined;
  if (ordinaryUser() !== undefined) return undefined;
  try {
    return lackOfRoot();
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
