import { CLONE_NEWCGROUP, CLONE_NEWIPC } from "../../../ffi/constants.ts";
import type { CgroupLayout } from "../../cgroup/detect.ts";
import type { ContainerHooks, Plan, Step } from "../../init/plan.ts";
import { parseList } from "../../oci/list_format.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../../oci/memory_policy.ts";
import type { Hook, Linux, Spec, State } from "../../oci/spec.ts";
import { hookCall } from "../hooks.ts";
import type { NamespaceChoice } from "../namespaces.ts";
import type { Trees } from "../trees.ts";
import {
  becomeRoot,
  dieWithParent,
  joinCgroups,
  joinStep,
  personalityStep,
  READY,
  sessionKeyring,
  START_LABEL,
} from "./steps.ts";
import { canLauncherWait } from "./launching.ts";
import { identity, launcherStep, program, type ProgramOptions } from "./program.ts";
import { rootfs, sources } from "./rootfs.ts";

/** What the plan needs to know besides the config. */
export interface PlanOptions {
  /** The name of its session keyring; without, it has the caller's. */
  readonly keyring?: string;
  /** The bundle's folder, absolute: `root.path` and sources of bind mounts are relative to it. */
  readonly bundle: string;
  /** Descriptors of v1 `tasks` files, or `cgroup.procs` of v2, that the process writes itself into. */
  readonly cgroupFiles: readonly number[];
  readonly layout: CgroupLayout;
  readonly namespaces: NamespaceChoice;
  /** Whether the container shall end with the process that made it. */
  readonly dieWithParent: boolean;
  /** A socket on which to wait for a later `start`. */
  readonly listener?: number;
  /** How many descriptors from 3 on the program gets. */
  readonly passedFds: number;
  /** Descriptors of this process that the child has no use for, and is not to hold while it waits. */
  readonly unneededFds: readonly number[];
  /** What hooks of the container's side read on standard input, less the pid. */
  readonly hookState: Record<string, unknown>;
  /** What the parent has opened of the host. */
  readonly trees: Trees;
  readonly program: ProgramOptions;
  /** Whether the parent has something to do once the namespaces and mounts are there. */
  readonly parentActs: boolean;
  /** Whether the root goes on top of the host's, instead of in its place. */
  readonly noPivot?: boolean;
  /** Whether `lo` of a new network namespace is set up here, because nobody else does. */
  readonly loopback: boolean;
  /** Whether all of it is done by a process that stays outside of the pid namespace, which others are in. */
  readonly fromOutside: boolean;
}

/** What it makes itself, once it is the root that it belongs to and in the cgroup that it begins at. */
const UNSHARED: readonly (readonly [flag: number, label: string])[] = [
  [CLONE_NEWIPC, "make an IPC namespace, as the root that it belongs to"],
  [CLONE_NEWCGROUP, "make a cgroup namespace that begins here"],
];

/**
 * Works out what the container's first process does, in the order that the runtime specification
 * and the kernel together demand. Reads as the list it is; why a step stands where it does is said
 * there, what it does in lib/init/steps.
 */
export function buildPlan(spec: Spec, options: PlanOptions): Plan {
  const namespaces = options.namespaces;
  const process = spec.process;
  const plan: Step[] = [];

  const { passedFds: keep, unneededFds: close } = options;
  const { byChild } = options.trees;
  const needsMappings = namespaces.isNew("user");
  plan.push({
    do: "start afresh",
    label: START_LABEL,
    keep,
    close,
    ...(byChild && needsMappings ? { dumpable: true } : {}),
  });
  if (needsMappings) {
    plan.push({ do: "wait for mappings", label: "wait until the user ids are mapped" });
  }
  // The cgroup comes before its namespace, whose root it becomes.
  plan.push(...joinCgroups(options.cgroupFiles));
  // As whoever may look into the bundle, where that is not root.
  if (byChild) plan.push(...sources(spec, options));
  // A root in an initramfs cannot be put in its place.
  if (namespaces.isNew("mount") && !options.noPivot) {
    plan.push({ do: "own root", label: "take the root as that of the mount namespace" });
  }
  if (namespaces.has("user")) plan.push(becomeRoot(options.program));
  if (!namespaces.needsJoiner) {
    plan.push(...namespaces.join.map(joinStep));
  }
  for (const [flags, label] of UNSHARED) {
    if (namespaces.unshare & flags) plan.push({ do: "unshare", label, flags });
  }
  plan.push(...sessionKeyring(options.keyring));
  if (options.loopback) plan.push({ do: "lo up", label: "set the loopback interface up" });

  plan.push(...rootfs(spec, options));
  if (spec.hostname !== undefined) {
    plan.push({
      do: "hostname",
      label: `set the hostname "${spec.hostname}"`,
      name: spec.hostname,
    });
  }
  if (spec.domainname !== undefined) {
    const name = spec.domainname;
    plan.push({ do: "domainname", label: `set the domain name "${name}"`, name });
  }
  const { memoryPolicy, personality } = spec.linux ?? {};
  if (memoryPolicy) plan.push(memoryPolicyStep(memoryPolicy));
  if (personality) plan.push(personalityStep(personality));
  const { listener, fromOutside } = options;
  const pidns = namespaces.join.find(({ type }) => type === "pid");
  // What this process forks from now on would be seen in there.
  if (fromOutside && pidns !== undefined) plan.push(joinStep(pidns));
  if (process) plan.push(...identity(process, options.program));
  const startHooks = containerHooks(spec.hooks?.startContainer, "created", options);
  const launcherWaits = process !== undefined &&
    canLauncherWait(process, { ...options, startHooks });
  const launcher = process
    ? [launcherStep(process, { ...options, launcherWaits, startHooks })]
    : [];
  if (process && (launcherWaits || fromOutside)) {
    plan.push(...launcher, ...program(process, { ...options, launcherWaits, startHooks }));
    return plan;
  }
  plan.push(...dieWithParent(options.dieWithParent));
  // A parent that stays hears of a failure later as well, and has work to do meanwhile.
  plan.push(...listener === undefined ? [READY, ...launcher] : [...launcher, READY]);
  plan.push({
    do: "wait for start",
    label: listener === undefined ? "wait until all of the host's part is done" : "wait for start",
    listener,
  });
  if (process) plan.push(...program(process, { ...options, startHooks }));
  return plan;
}

function memoryPolicyStep({ mode, nodes, flags = [] }: NonNullable<Linux["memoryPolicy"]>): Step {
  const bits = flags.reduce((all, flag) => all | MEMORY_POLICY_FLAGS[flag], 0);
  return {
    do: "memory policy",
    label: `take memory as ${mode} has it`,
    mode: MEMORY_POLICY_MODES[mode] | bits,
    nodes: parseList(nodes ?? "") ?? [],
  };
}

/** Hooks of the container's side (config.md, "POSIX-platform Hooks"): createContainer or startContainer. */
export function containerHooks(
  hooks: readonly Hook[] | undefined,
  status: State["status"],
  { hookState }: PlanOptions,
): ContainerHooks | undefined {
  if (!hooks?.length) return undefined;
  return { hooks: hooks.map(hookCall), state: { ...hookState, status } };
}
