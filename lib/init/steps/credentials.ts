import { capset, limitBoundingSet, setAmbient } from "../../../ffi/capability.ts";
import { AT_EMPTY_PATH, S_IFIFO, S_IFMT } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { fchownat, statx, umask } from "../../../ffi/file.ts";
import { PR_SET_KEEPCAPS, prctl, setgroups, setresgid, setresuid } from "../../../ffi/process.ts";
import type { CredentialsStep } from "../plan.ts";

/**
 * User, groups and capabilities, in the only order that works: the bounding set is cut while
 * CAP_SETPCAP is still there, capabilities are kept over the change of the user, groups change before
 * the user does, and what is effective is said last (capabilities(7)).
 */
export function becomeUser(step: CredentialsStep): void {
  umask(step.umask);
  const { bounding, effective, permitted, inheritable, ambient } = step.capabilities;
  limitBoundingSet(bounding);
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (step.uid !== 0) giveAwayPipes(step.uid);
  setGroups(step);
  setresgid(step.gid);
  setresuid(step.uid);
  prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  capset({ effective, permitted: permitted | step.retained, inheritable });
  setAmbient(ambient);
}

/** A user namespace may allow no setgroups(2) at all (user_namespaces(7)): there none but the user's first one is had. */
function setGroups({ groups, gid }: CredentialsStep): void {
  if (groups === undefined) return;
  try {
    setgroups(groups);
  } catch (error) {
    const denied = error instanceof SysError && error.code === "EPERM";
    if (!denied || groups.some((group) => group !== gid)) throw error;
  }
}

/**
 * Pipes that are standard input or output become the user's, who could not open /dev/stdout
 * otherwise. The caller's files and terminals stay the caller's: they outlast the program, which as their
 * owner could do more to them than with what it was given, such as write to its input.
 */
export function giveAwayPipes(uid: number): void {
  for (const fd of [0, 1, 2]) {
    if ((statx(fd).mode & S_IFMT) !== S_IFIFO) continue;
    try {
      fchownat(fd, "", uid, -1, AT_EMPTY_PATH);
    } catch (error) {
      // A pipe of the host is nothing that the root of a user namespace may give away.
      const foreign = error instanceof SysError &&
        (error.code === "EPERM" || error.code === "EINVAL");
      if (!foreign) throw error;
    }
  }
}
