/** Steps that the plan of a first process and that of one more have in common. */

import type { Step } from "../../init/plan.ts";
import { PERSONALITY_DOMAINS } from "../../oci/personality.ts";
import type { Linux, Process } from "../../oci/spec.ts";
import type { NamespaceChoice } from "../namespaces.ts";
import type { ProgramOptions } from "./program.ts";

/** What the first step of every plan says of itself. */
export const START_LABEL = "start a new session, signals as at boot";

/**
 * Where the process that follows the container is its parent. The kernel forgets it when the user changes
 * (PR_SET_PDEATHSIG(2const)), so it comes after that, and before the wait for that parent.
 */
export function dieWithParent(wanted: boolean): Step[] {
  return wanted ? [{ do: "die with parent", label: "end when gocontainer ends" }] : [];
}

/** Until here a failure is one of `create`. */
export const READY: Step = { do: "tell ready", label: "tell that the container is built" };

/** Who is there before its ids are mapped is nobody. */
export function becomeRoot({ keepsGroups }: Pick<ProgramOptions, "keepsGroups">): Step {
  const label = "become the user namespace's root";
  return { do: "become root", label, ...(keepsGroups ? { keepsGroups } : {}) };
}

/** A namespace that is there already. */
export function joinStep({ fd, flag, type }: NamespaceChoice["join"][number]): Step {
  return { do: "join namespace", label: `join the ${type} namespace`, fd, flag };
}

/** The keyring of a name, new or joined (keyctl(2)); without a name the caller's stays. */
export function sessionKeyring(name: string | undefined): Step[] {
  if (name === undefined) return [];
  return [{ do: "join session keyring", label: "take a keyring of its own", name }];
}

/** As whoever has made the cgroup: who is not root on the host may move only what is his own (cgroups(7)). */
export function joinCgroups(fds: readonly number[]): Step[] {
  return fds.length > 0 ? [{ do: "join cgroups", label: "join the cgroups", fds }] : [];
}

/** The execution domain of a config (personality(2)). */
export function personalityStep({ domain }: NonNullable<Linux["personality"]>): Step {
  const persona = PERSONALITY_DOMAINS[domain];
  return { do: "personality", label: `run as in the domain ${domain}`, persona };
}

/** The pty of a process; of a first one it is the console as well. */
export function terminalStep(
  { user, consoleSize }: Process,
  { controlling, console }: { readonly controlling: boolean; readonly console: boolean },
): Step {
  const size = consoleSize && { rows: consoleSize.height, columns: consoleSize.width };
  return {
    do: "terminal",
    label: "open a terminal of its own",
    uid: user?.uid ?? 0,
    controlling,
    console,
    ...(size ? { size } : {}),
  };
}
