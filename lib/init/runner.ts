import { SysError } from "../../ffi/errno.ts";
import { _exit } from "../../ffi/process.ts";
import { type Failed, tell } from "./channel.ts";
import { type InitContext, InitError } from "./context.ts";
import type { Plan, Step } from "./plan.ts";
import { becomeUser } from "./steps/credentials.ts";
import { makeDeviceNodes, makeLinks } from "./steps/devices.ts";
import { ExecError, execProgram, findProgram, handOver, prepareLauncher } from "./steps/exec.ts";
import { runContainerHooks } from "./steps/hooks.ts";
import { mountCgroups } from "./steps/cgroup_mounts.ts";
import { findHome, setSecurityLabel } from "./steps/labels.ts";
import { makeReadOnly, maskPaths } from "./steps/masks.ts";
import { mountInside, mountRoot, openSources, setPropagation } from "./steps/mounts.ts";
import { moveRoot } from "./steps/move_root.ts";
import { takeOwnRoot } from "./steps/own_root.ts";
import {
  becomeRoot,
  dieWithParent,
  joinCgroups,
  joinNamespace,
  joinSessionKeyring,
  loopbackUp,
  setDomainname,
  setHostname,
  setNoNewPrivileges,
  setRlimits,
  startAfresh,
  takeRoot,
  tellReady,
  unshareMore,
  waitForMappings,
  waitForParent,
  waitUntilStarted,
} from "./steps/process.ts";
import {
  changeRoot,
  enterWorkingFolder,
  enterWorkingFolderAsUser,
  makeRootReadOnly,
  makeWorkingFolder,
  pivotRoot,
  setRootPropagation,
  writeSysctls,
} from "./steps/root.ts";
import { setAffinity, setMemoryPolicy, setPersonality } from "./steps/scheduling.ts";
import { loadFilter } from "./steps/seccomp.ts";
import { openTerminal } from "./steps/terminal.ts";

/** How the runner behaves besides carrying out the plan. */
export interface RunnerOptions {
  /** Tell the parent of each step, with its times. */
  readonly follow?: boolean;
  /** For tests: called before each step; may stop the process or throw in the step's stead. */
  readonly fault?: (index: number) => void;
  /** See {@link InitContext.proc}. */
  readonly proc?: number;
}

/**
 * The child's side of the fork: carries out the plan and ends in `execve`, or tells the parent which
 * step failed and ends. Only synchronous calls of the system are made here: no promise, no timer,
 * no console, none of which survive a fork.
 */
export function runPlan(plan: Plan, channel: number, options: RunnerOptions = {}): never {
  const context: InitContext = { channel, root: -1, sources: new Map(), proc: options.proc };
  let index = 0;
  try {
    for (; index < plan.length; index++) {
      options.fault?.(index);
      if (!isNeeded(plan[index], context)) continue;
      const start = options.follow ? performance.now() : 0;
      // Nothing can be told after the program has started, so this one is told before.
      if (options.follow && plan[index].do === "exec") {
        tell(channel, { type: "step", index, start, end: start });
      }
      perform(plan[index], context);
      if (options.follow) tell(channel, { type: "step", index, start, end: performance.now() });
    }
  } catch (error) {
    tellFailure(context.channel, plan[index], error);
  }
  _exit(125);
}

/** Whether a step is one that what came before has not made needless. */
export function isNeeded(step: Step, { isFolderDenied = false }: InitContext): boolean {
  return step.do !== "enter working folder as user" || isFolderDenied;
}

/** Carries out one step. */
export function perform(step: Step, context: InitContext): void {
  switch (step.do) {
    case "start afresh":
      return startAfresh(step);
    case "die with parent":
      return dieWithParent(context);
    case "join cgroups":
      return joinCgroups(step);
    case "join namespace":
      return joinNamespace(step);
    case "unshare":
      return unshareMore(step);
    case "join session keyring":
      return joinSessionKeyring(step);
    case "lo up":
      return loopbackUp();
    case "own root":
      return takeOwnRoot();
    case "propagation":
      return setPropagation(step);
    case "open sources":
      return openSources(context, step);
    case "root":
      return mountRoot(context, step);
    case "mount":
      return mountInside(context, step);
    case "cgroup mounts":
      return mountCgroups(context, step);
    case "device nodes":
      return makeDeviceNodes(context, step);
    case "links":
      return makeLinks(context, step);
    case "terminal":
      return openTerminal(context, step);
    case "read-only paths":
      return makeReadOnly(context, step);
    case "masked paths":
      return maskPaths(context, step);
    case "sysctl":
      return writeSysctls(step);
    case "make working folder":
      return makeWorkingFolder(context, step);
    case "enter working folder":
      return enterWorkingFolder(context, step);
    case "enter working folder as user":
      return enterWorkingFolderAsUser(step);
    case "pivot root":
      return pivotRoot(context);
    case "move root":
      return moveRoot(context);
    case "change root":
      return changeRoot(context, step);
    case "root propagation":
      return setRootPropagation(step);
    case "read-only root":
      return makeRootReadOnly(context);
    case "hostname":
      return setHostname(step);
    case "domainname":
      return setDomainname(step);
    case "rlimits":
      return setRlimits(step);
    case "cpu affinity":
      return setAffinity(step);
    case "memory policy":
      return setMemoryPolicy(step);
    case "personality":
      return setPersonality(step);
    case "security label":
      return setSecurityLabel(context, step);
    case "no new privileges":
      return setNoNewPrivileges();
    case "wait for mappings":
      return waitForMappings(context);
    case "become root":
      return becomeRoot(step);
    case "wait for parent":
      return waitForParent(context);
    case "container hooks":
      return runContainerHooks(context, step);
    case "tell ready":
      return tellReady(context);
    case "wait for start":
      return waitUntilStarted(context, step);
    case "take root":
      return takeRoot(context);
    case "become user":
      return becomeUser(step);
    case "seccomp":
      return loadFilter(context, step);
    case "find home":
      return findHome(context, step);
    case "find program":
      return findProgram(context, step);
    case "launcher":
      return prepareLauncher(context, step);
    case "hand over":
      return handOver(context);
    case "exec":
      return execProgram(context);
  }
}

/** What is to be told of a step that failed. */
export function failureOf(
  step: Step | { readonly do: string; readonly label: string },
  error: unknown,
): Failed {
  const { label } = step;
  const failure = { type: "failed", step: step.do, label, call: "", errno: 0, detail: "" } as const;
  if (error instanceof ExecError) {
    const { call, errno, detail } = error.cause;
    const searched = "path" in step && "name" in step ? step.path : [];
    return { ...failure, call, errno, detail, exec: error.failure, searched };
  }
  if (error instanceof SysError) {
    const { call, errno, detail } = error;
    return { ...failure, call, errno, detail };
  }
  if (!(error instanceof InitError)) return { ...failure, message: String(error) };
  return { ...failure, errno: error.errno, message: error.message };
}

/** Tells the parent why a step failed, if it is still there to be told. */
export function tellFailure(
  channel: number,
  step: Step | { readonly do: string; readonly label: string },
  error: unknown,
): void {
  try {
    tell(channel, failureOf(step, error));
  } catch {
    // The parent is gone: there is nobody left to tell.
  }
}
