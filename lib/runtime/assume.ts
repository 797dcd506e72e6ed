import { capget, capset } from "../../ffi/capability.ts";
import { getgroups, setfsgid, setfsuid, setgroups } from "../../ffi/process.ts";
import type { CredentialsStep } from "../init/plan.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";

/**
 * Looks at files with the rights that a program will have, and has this process's own again then: what the
 * program's user may not reach is not found (credentials(7), capabilities(7)).
 */
export function assuming<T>(program: CredentialsStep, action: () => T): T {
  const own = capget();
  // Root who passes over permissions sees what this process sees.
  if (program.uid === 0 && program.capabilities.effective & own.effective & DAC_OVERRIDE) {
    return action();
  }
  const groups = getgroups();
  const { uid, gid } = program;
  if (program.groups !== undefined) setgroups(program.groups);
  setfsgid(gid);
  setfsuid(uid);
  try {
    const effective = program.capabilities.effective & own.permitted;
    capset({ ...own, effective });
    return action();
  } finally {
    capset(own);
    setfsuid(0);
    setfsgid(0);
    setgroups(groups);
  }
}

const DAC_OVERRIDE = 1n << BigInt(CAPABILITIES.CAP_DAC_OVERRIDE);
