/** The end of every plan: who the program is, and how it is run. */

import { CAP_SYS_ADMIN } from "../../../ffi/capability.ts";
import type {
  CapabilityMasks,
  ContainerHooks,
  SeccompFilter,
  Step,
  StepOf,
} from "../../init/plan.ts";
import { RLIMITS } from "../../oci/rlimits.ts";
import type { Process } from "../../oci/spec.ts";
import { environment, searchPath } from "../environment.ts";
import { launchCalls, mayLaunch } from "./launching.ts";

/** What of a process the parent has worked out. */
export interface ProgramOptions {
  /** Its capabilities, as far as they can be granted. */
  readonly capabilities: CapabilityMasks;
  /** Labels of the security modules. */
  readonly labels: readonly Step[];
  readonly seccomp?: SeccompFilter & { readonly notify: boolean };
  /** Whether it has the caller's supplementary groups, and none of the config's. */
  readonly keepsGroups?: boolean;
}

/** Who the program is: user, rights, folder; and that there is such a program at all. */
export function identity(process: Process, options: ProgramOptions): Step[] {
  const plan: Step[] = [...options.labels];
  if (process.noNewPrivileges) {
    plan.push({ do: "no new privileges", label: "give up new privileges" });
  }
  const path = process.cwd;
  const enter = `enter the working folder "${path}"`;
  plan.push({ do: "enter working folder", label: enter, path });
  const user = process.user ?? { uid: 0, gid: 0 };
  plan.push({
    do: "become user",
    label: `become user ${user.uid}:${user.gid} with the capabilities of the config`,
    uid: user.uid,
    gid: user.gid,
    ...(options.keepsGroups ? {} : { groups: [...new Set(user.additionalGids ?? [])] }),
    // What other runtimes have for it; the umask of whoever calls may be anything.
    umask: user.umask ?? 0o022,
    capabilities: options.capabilities,
    retained: options.seccomp && !process.noNewPrivileges ? CAP_SYS_ADMIN : 0n,
  });
  plan.push({ do: "enter working folder as user", label: `${enter} as the user`, path });
  const { env, needsHome } = environment(process.env);
  if (needsHome) {
    plan.push({ do: "find home", label: "find the user's home folder", uid: user.uid });
  }
  const [name] = process.args;
  plan.push({
    do: "find program",
    label: `find the program "${name}"`,
    name,
    path: searchPath(env),
  });
  return plan;
}

/** What {@link launcherStep} and {@link program} go by. */
export interface LastSteps {
  readonly program: ProgramOptions;
  readonly fromOutside?: boolean;
  readonly listener?: number;
  /** Whether what waits for the start is the launcher. */
  readonly launcherWaits?: boolean;
  /** What the launcher runs before the program. */
  readonly startHooks?: ContainerHooks;
}

/** What becomes the program, and what it is to do before. */
export function launcherStep(process: Process, options: LastSteps): Step {
  const { seccomp } = options.program;
  const { fromOutside = false, launcherWaits = false, listener, startHooks } = options;
  return {
    do: "launcher",
    label: "make the launcher of the program",
    argv: process.args,
    env: environment(process.env).env,
    ...(seccomp && !loadsEarly(process, options) ? { filter: seccomp } : {}),
    ...(limitsItself(options) ? { limits: limitsOf(process) } : {}),
    ...(startHooks === undefined ? {} : { hooks: startHooks }),
    ...(launcherWaits ? { listener } : {}),
    ...(fromOutside ? { sibling: { terminal: process.terminal ?? false } } : {}),
  };
}

/** The last steps, once the container is started. */
export function program(process: Process, options: LastSteps): Step[] {
  const { capabilities, seccomp } = options.program;
  const { fromOutside = false, launcherWaits = false } = options;
  const plan: Step[] = [{ do: "hand over", label: "tell how the program could be refused" }];
  if (!fromOutside && !launcherWaits) {
    // As late as this, for this process itself would not get along with many a limit.
    const limits = limitsItself(options) ? [] : limitsOf(process);
    if (limits.length > 0) plan.push({ do: "rlimits", label: "set resource limits", limits });
  }
  if (seccomp && loadsEarly(process, options)) {
    plan.push({
      do: "seccomp",
      label: "filter system calls",
      filter: seccomp,
      ...(process.noNewPrivileges ? {} : { capabilities }),
      notify: seccomp.notify,
    });
  }
  const words = process.args.map((arg) => JSON.stringify(arg)).join(" ");
  plan.push({ do: "exec", label: `run ${words}` });
  return plan;
}

/**
 * The launcher loads a filter right before the program, unless that takes what the launcher lacks; and one that
 * somebody in the container may see before that has it by then.
 */
function loadsEarly(process: Process, options: LastSteps): boolean {
  const { seccomp } = options.program;
  const isSeen = options.fromOutside || options.launcherWaits;
  return seccomp !== undefined &&
    (seccomp.notify || !process.noNewPrivileges ||
      (isSeen === true && mayLaunch(seccomp, process, launchCalls(options))));
}

/** Whether the launcher sets the limits: as the last thing before the program, and before each hook. */
function limitsItself({ fromOutside, launcherWaits, startHooks }: LastSteps): boolean {
  return fromOutside === true || launcherWaits === true || startHooks !== undefined;
}

function limitsOf({ rlimits = [] }: Process): StepOf<"rlimits">["limits"] {
  return rlimits.map(({ type, soft, hard }) => ({
    resource: RLIMITS[type],
    soft: BigInt(soft),
    hard: BigInt(hard),
  }));
}
