import { MOUNT_ATTR_RDONLY, MS_BIND, MS_REC, MS_SLAVE } from "../../ffi/mount_flags.ts";
import type { CapabilityMasks, Plan, SeccompFilter, Step, StepOf } from "../init/plan.ts";
import { type SyscallName, SYSCALLS } from "../../ffi/syscalls.ts";
import { parseList } from "../oci/list_format.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../oci/memory_policy.ts";
import { parseMountOptions } from "../oci/mount_options.ts";
import { NAMESPACES } from "../oci/namespaces.ts";
import { PERSONALITY_DOMAINS } from "../oci/personality.ts";
import { ROOTFS_PROPAGATION } from "../oci/propagation.ts";
import { RLIMITS } from "../oci/rlimits.ts";
import { sysctlPath } from "../oci/sysctl.ts";
import type { Hook, Linux, Mount, Process, Spec } from "../oci/spec.ts";
import { allows } from "../seccomp/allows.ts";
import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { fsconfig_set_fd, fsopen } from "../../ffi/mount.ts";
import type { CgroupLayout } from "../cgroup/detect.ts";
import type { NamespaceChoice } from "./namespaces.ts";
import { hookCall } from "./hooks.ts";
import { cgroupMounts } from "./cgroup_mounts.ts";
import { containerNodes, deviceLinks, isFifo } from "./devices.ts";
import { environment, searchPath } from "./environment.ts";
import { mountStep } from "./mount_step.ts";
import { rootOverlay, type Trees } from "./trees.ts";
import { resolve } from "@std/path/posix/resolve";

/** What the plan needs to know besides the config. */
export interface PlanOptions {
  /** The name of its session keyring; without, it has the caller's. */
  readonly keyring?: string;
  /** The bundle's folder, absolute: `root.path` and sources of bind mounts are relative to it. */
  readonly bundle: string;
  /** Descriptors of v1 `tasks` files that the process writes itself into. */
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

/** What of a process the parent has worked out. */
export interface ProgramOptions {
  /** Its capabilities, as far as they can be granted. */
  readonly capabilities: CapabilityMasks;
  /** Labels of the security modules. */
  readonly labels: readonly Step[];
  readonly seccomp?: SeccompFilter & { readonly notify: boolean };
}

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
  if (namespaces.has("user")) plan.push(BECOME_ROOT);
  if (!namespaces.needsJoiner) {
    plan.push(...namespaces.join.map(joinStep));
  }
  if (namespaces.unshare !== 0) {
    plan.push({
      do: "unshare",
      label: "make a cgroup namespace that begins here",
      flags: namespaces.unshare,
    });
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
  const launcherWaits = process !== undefined && canLauncherWait(spec, process, options);
  const launcher = process ? [launcherStep(process, { ...options, launcherWaits })] : [];
  if (process && (launcherWaits || fromOutside)) {
    plan.push(...launcher, ...program(process, { ...options, launcherWaits }));
    return plan;
  }
  // A parent that stays hears of a failure later as well, and has work to do meanwhile.
  plan.push(...listener === undefined ? [READY, ...launcher] : [...launcher, READY]);
  plan.push({
    do: "wait for start",
    label: listener === undefined ? "wait until the network is there" : "wait for start",
    listener,
  });
  plan.push(...containerHooks("startContainer", spec.hooks?.startContainer, options));
  if (process) plan.push(...program(process, options));
  return plan;
}

const START_LABEL = "start a new session, signals as at boot";

function joinStep({ fd, flag, type }: NamespaceChoice["join"][number]): Step {
  return { do: "join namespace", label: `join the ${type} namespace`, fd, flag };
}

const READY: Step = { do: "tell ready", label: "tell that the container is built" };

function sessionKeyring(name: string | undefined): Step[] {
  if (name === undefined) return [];
  return [{ do: "join session keyring", label: "take a keyring of its own", name }];
}

/** As whoever has made the cgroup: who is not root on the host may move only what is his own (cgroups(7)). */
function joinCgroups(fds: readonly number[]): Step[] {
  return fds.length > 0 ? [{ do: "join cgroups", label: "join the cgroups", fds }] : [];
}

const BECOME_ROOT: Step = { do: "become root", label: "become the user namespace's root" };

function personalityStep({ domain }: NonNullable<Linux["personality"]>): Step {
  const persona = PERSONALITY_DOMAINS[domain];
  return { do: "personality", label: `run as in the domain ${domain}`, persona };
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

function containerHooks(name: string, hooks: Hook[] | undefined, options: PlanOptions): Step[] {
  if (!hooks?.length) return [];
  return [{
    do: "container hooks",
    label: `run the ${name} hooks`,
    hooks: hooks.map(hookCall),
    state: { ...options.hookState, status: name === "startContainer" ? "created" : "creating" },
  }];
}

function rootfs(spec: Spec, options: PlanOptions): Step[] {
  const linux = spec.linux ?? {};
  const { namespaces, trees } = options;
  const plan: Step[] = [];
  const own = namespaces.has("mount");
  const mounts = spec.mounts ?? [];
  if (own) {
    // Slave at first even for a private root: a mount made private at once would pin the host's mounts.
    // And for a shared one: what is mounted here is not to be seen on the host.
    plan.push({
      do: "propagation",
      label: "stop mounts from spreading to the host",
      flags: MS_SLAVE | MS_REC,
    });
  }

  if (!trees.byChild) plan.push(...sources(spec, options));
  const path = resolve(options.bundle, spec.root.path);
  const overlay = rootOverlay(mounts);
  plan.push({
    do: "root",
    label: overlay
      ? `mount the overlay of image and changes on "${path}"`
      : `make "${path}" a mount of its own`,
    path,
    ...(overlay ? { overlay: mountStep(overlay, trees.mounts.get(overlay)) } : {}),
    ...(trees.root === undefined ? {} : { tree: trees.root }),
    ...(trees.attached ? { attached: true } : {}),
    ...(trees.byChild && !overlay ? { spread: trees.byChild.spread } : {}),
  });

  let devReadOnly = false;
  for (const mount of mounts) {
    if (mount === overlay) continue;
    if (mount.type === "cgroup") {
      plan.push(cgroupMounts(mount, options.layout, trees.cgroups, trees.byChild?.cgroups));
      continue;
    }
    const step = mountStep(mount, trees.mounts.get(mount), linux.mountLabel);
    if (step.kind === "new" && step.target === "/dev" && step.set & MOUNT_ATTR_RDONLY) {
      // It takes the nodes first.
      devReadOnly = true;
      plan.push({
        ...step,
        set: step.set & ~MOUNT_ATTR_RDONLY,
        options: step.options.filter(([key]) => key !== "ro"),
      });
    } else plan.push(step);
  }

  // A /dev that is the host's has all it needs, and is not the container's to change.
  if (!mounts.some(isHostDev)) {
    const nodes = containerNodes(linux.devices ?? []).map((node) => {
      const tree = trees.devices.get(node.path);
      if (trees.byChild && !isFifo(node)) return { ...node, spread: trees.byChild.spread };
      return tree === undefined ? node : { ...node, tree };
    });
    plan.push({ do: "device nodes", label: "make the device nodes in /dev", nodes });
    plan.push({ do: "links", label: "make the links in /dev", links: deviceLinks() });
  }
  if (spec.process?.terminal) {
    const controlling = !options.fromOutside;
    plan.push(terminalStep(spec.process, { controlling, console: true }));
  }
  if (devReadOnly) {
    const dev = { destination: "/dev", options: ["remount", "bind", "ro"] };
    plan.push({ ...mountStep(dev), label: "make /dev read-only" });
  }
  if (linux.sysctl && Object.keys(linux.sysctl).length > 0) {
    const values = Object.entries(linux.sysctl)
      .map(([key, value]) => [sysctlPath(key), value] as const);
    plan.push({ do: "sysctl", label: "set kernel parameters", values });
  }
  if (spec.process) {
    const path = spec.process.cwd;
    if (path !== "/") {
      plan.push({ do: "make working folder", label: `make the working folder "${path}"`, path });
    }
  }
  if (linux.readonlyPaths?.length) {
    const paths = linux.readonlyPaths;
    plan.push({ do: "read-only paths", label: "make paths of /proc read-only", paths });
  }
  if (linux.maskedPaths?.length) {
    const paths = linux.maskedPaths;
    plan.push({ do: "masked paths", label: "hide paths of /proc and /sys", paths });
  }
  if (options.parentActs) {
    plan.push({ do: "wait for parent", label: "wait for the hooks and devices of the host" });
  }
  plan.push(...containerHooks("createContainer", spec.hooks?.createContainer, options));
  if (own) {
    const way = options.noPivot ? "move root" : "pivot root";
    plan.push({ do: way, label: "make the container's root the root" });
    plan.push({
      do: "root propagation",
      label: "settle how mounts spread",
      // Of the root alone: each mount has what it asks for.
      flag: ROOTFS_PROPAGATION[linux.rootfsPropagation ?? "private"] & ~MS_REC,
    });
  } else plan.push({ do: "change root", label: "make the container's root the root" });
  if (spec.root.readonly) plan.push({ do: "read-only root", label: "make the root read-only" });
  return plan;
}

/** What the child opens of the host, before there is anything of the container's. */
function sources(spec: Spec, { bundle, trees }: PlanOptions): Step[] {
  const mounts = spec.mounts ?? [];
  const paths = mounts.map((mount) => trees.mounts.get(mount)?.source)
    .filter((source) => source !== undefined);
  if (trees.byChild) {
    if (!rootOverlay(mounts)) paths.push(resolve(bundle, spec.root.path));
    if (!mounts.some(isHostDev)) {
      const nodes = containerNodes(spec.linux?.devices ?? []).filter((node) => !isFifo(node));
      paths.push(...nodes.map(({ path }) => path));
    }
    if (mounts.some(({ type }) => type === "cgroup")) paths.push(...trees.byChild.cgroups.values());
  }
  if (paths.length === 0) return [];
  return [{ do: "open sources", label: "open what bind mounts are to show", paths }];
}

/** Whether a mount brings the host's own devices, as for privileged containers. */
function isHostDev(mount: Mount): boolean {
  return resolve("/", mount.destination) === "/dev" &&
    (parseMountOptions(mount.options).flags & MS_BIND) !== 0;
}

function terminalStep(
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

/** What the plan of one more process in a container needs to know. */
export interface ExecPlanOptions {
  /** The container's cgroup namespace, open, where it has one. */
  readonly cgroupNamespace?: number;
  /** The name of the container's session keyring; without, the process has the caller's. */
  readonly keyring?: string;
  readonly cgroupFiles: readonly number[];
  readonly dieWithParent: boolean;
  readonly passedFds: number;
  /** The container's root, where it has no mount namespace of its own to have it in. */
  readonly root?: number;
  /** Whether the container has a user namespace. */
  readonly inUserNamespace: boolean;
  readonly personality?: Linux["personality"];
  readonly program: ProgramOptions;
  /** Whether all of it is done by a process that stays outside of the container's pid namespace. */
  readonly fromOutside: boolean;
}

/** Works out what a process does that joins a container which is there already; its namespaces are joined before. */
export function buildExecPlan(process: Process, options: ExecPlanOptions): Plan {
  const plan: Step[] = [
    { do: "start afresh", label: START_LABEL, keep: options.passedFds, close: [] },
  ];
  plan.push(...joinCgroups(options.cgroupFiles));
  if (options.inUserNamespace) plan.push(BECOME_ROOT);
  if (options.cgroupNamespace !== undefined) {
    plan.push({
      do: "join namespace",
      label: "join the cgroup namespace",
      fd: options.cgroupNamespace,
      flag: NAMESPACES.cgroup.flag,
    });
  }
  plan.push(...sessionKeyring(options.keyring));
  const cpus = parseList(process.execCPUAffinity?.final ?? "");
  if (cpus?.length) {
    plan.push({
      do: "cpu affinity",
      label: "run on the CPUs of process.execCPUAffinity.final",
      cpus,
    });
  }
  if (options.root === undefined) {
    plan.push({ do: "take root", label: "take the container's root" });
  } else {
    const label = "make the container's root the root";
    plan.push({ do: "change root", label, fd: options.root });
  }
  if (process.terminal) {
    plan.push(terminalStep(process, { controlling: !options.fromOutside, console: false }));
  }
  if (options.personality) plan.push(personalityStep(options.personality));
  plan.push(...identity(process, options.program));
  const launcher = launcherStep(process, options);
  if (options.fromOutside) plan.push(launcher);
  else plan.push(READY, launcher, { do: "wait for start", label: "wait for start" });
  plan.push(...program(process, options));
  return plan;
}

/** Who the program is: user, rights, folder; and that there is such a program at all. */
function identity(process: Process, options: ProgramOptions): Step[] {
  const plan: Step[] = [...options.labels];
  if (process.noNewPrivileges) {
    plan.push({ do: "no new privileges", label: "give up new privileges" });
  }
  const user = process.user ?? { uid: 0, gid: 0 };
  plan.push({
    do: "become user",
    label: `become user ${user.uid}:${user.gid} with the capabilities of the config`,
    uid: user.uid,
    gid: user.gid,
    groups: [...new Set(user.additionalGids ?? [])],
    // What other runtimes have for it; the umask of whoever calls may be anything.
    umask: user.umask ?? 0o022,
    capabilities: options.capabilities,
    retained: options.seccomp && !process.noNewPrivileges ? CAP_SYS_ADMIN : 0n,
  });
  const path = process.cwd;
  plan.push({ do: "enter working folder", label: `enter the working folder "${path}"`, path });
  const { env, needsHome } = environment(process.env);
  if (needsHome) {
    plan.push({ do: "find home", label: "find the user's home folder", uid: user.uid });
  }
  const name = process.args?.[0];
  if (name !== undefined) {
    plan.push({
      do: "find program",
      label: `find the program "${name}"`,
      name,
      path: searchPath(env),
    });
  }
  return plan;
}

const CAP_SYS_ADMIN = 1n << 21n;

/** What {@link launcherStep} and {@link program} go by. */
interface LastSteps {
  readonly dieWithParent: boolean;
  readonly program: ProgramOptions;
  readonly fromOutside?: boolean;
  readonly listener?: number;
  /** Whether what waits for the start is the launcher. */
  readonly launcherWaits?: boolean;
}

function launcherStep(process: Process, options: LastSteps): Step {
  const { labels, seccomp } = options.program;
  const { dieWithParent, fromOutside = false, launcherWaits = false, listener } = options;
  return {
    do: "launcher",
    label: "make the launcher of the program",
    argv: process.args ?? [],
    env: environment(process.env).env,
    ...(seccomp && !loadsEarly(process, options) ? { filter: seccomp } : {}),
    ...(fromOutside || launcherWaits ? { limits: limitsOf(process) } : {}),
    ...(launcherWaits ? { listener } : {}),
    ...(fromOutside ? { sibling: { terminal: process.terminal ?? false, dieWithParent } } : {}),
    direct: isDirect(labels),
  };
}

/** The last steps, once the container is started. */
function program(process: Process, options: LastSteps): Step[] {
  const { capabilities, seccomp } = options.program;
  const { dieWithParent, fromOutside = false, launcherWaits = false } = options;
  const plan: Step[] = [{ do: "hand over", label: "tell how the program could be refused" }];
  if (!fromOutside && !launcherWaits) {
    // The kernel forgets it at a change of the user, so it comes after that.
    if (dieWithParent) {
      plan.push({ do: "die with parent", label: "end when gocontainer ends" });
    }
    // As late as this, for this process itself would not get along with many a limit.
    const limits = limitsOf(process);
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
  const words = (process.args ?? []).map((arg) => JSON.stringify(arg)).join(" ");
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

/**
 * Whether a container that joins a pid namespace can be made from outside of it, where those who are in there see
 * nothing of this program. Its procfs is not that of the process that mounts it, which the kernel has to know of.
 *
 * Not with a user namespace, which takes away the right to join it late. Those who are in that one as well have no
 * rights over this program, which was run outside of it (ptrace(2), "Ptrace access mode checking").
 */
export function canCreateFromOutside(
  { process, hooks, mounts = [] }: Spec,
  namespaces: NamespaceChoice,
  program: ProgramOptions,
  listener: number | undefined,
): boolean {
  if (!namespaces.join.some(({ type }) => type === "pid") || namespaces.has("user")) return false;
  if (process === undefined || hooks?.startContainer?.length) return false;
  const launcherWaits = listener !== undefined;
  if (!canLaunch(process, { program, dieWithParent: false, fromOutside: true, launcherWaits })) {
    return false;
  }
  const procs = mounts.filter(({ type }) => type === "proc").map((mount) => mountStep(mount));
  return procs.every(({ legacy }) => legacy === undefined) &&
    (procs.length === 0 || canChoosePidNamespace());
}

/** Whether a procfs takes the pid namespace that it shows as an option: since Linux 6.17. */
function canChoosePidNamespace(): boolean {
  using context = new Fd(fsopen("proc"));
  using own = new Fd(openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY));
  try {
    fsconfig_set_fd(context.number, "pidns", own.number);
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

/**
 * Whether a container that waits for a later `start` can wait as the launcher, in which nothing of this program
 * is left for what `exec` runs meanwhile. Hooks are still to be run by this process.
 */
function canLauncherWait({ hooks }: Spec, process: Process, options: PlanOptions): boolean {
  return options.listener !== undefined && !hooks?.startContainer?.length &&
    canLaunch(process, { ...options, launcherWaits: true });
}

function limitsOf({ rlimits = [] }: Process): StepOf<"rlimits">["limits"] {
  return rlimits.map(({ type, soft, hard }) => ({
    resource: RLIMITS[type],
    soft: BigInt(soft),
    hard: BigInt(hard),
  }));
}

/** What SELinux makes of a program is decided at the next execve, which must be its own. */
function isDirect(labels: readonly Step[]): boolean {
  return labels.some((step) => step.do === "security label" && step.file === "exec");
}

/**
 * Whether a process can be made by the launcher from outside of the container's pid namespace. Not with what
 * has to be the program's own process already: one that changes its label by SELinux, or whose filter asks a
 * listener; nor under a filter that would not let the launcher do its part, where loading it is what takes
 * CAP_SYS_ADMIN.
 */
export function canLaunchFromOutside(process: Process, options: ProgramOptions): boolean {
  return canLaunch(process, { program: options, dieWithParent: false, fromOutside: true });
}

function canLaunch(process: Process, options: LastSteps): boolean {
  const { labels, seccomp } = options.program;
  if (isDirect(labels) || seccomp?.notify) return false;
  return seccomp === undefined || process.noNewPrivileges === true ||
    mayLaunch(seccomp, process, launchCalls(options));
}

/** What is called between the loading of a filter and the program. */
function launchCalls({ fromOutside, launcherWaits }: LastSteps): SyscallName[] {
  return [
    ...["capset", "execveat", "prctl", "fcntl", "write", "exit_group", "read", "execve"] as const,
    ...fromOutside ? ["setsid", "clone", "ioctl"] as const : [],
    ...launcherWaits ? ["accept4", "dup3"] as const : [],
  ];
}

/** Whether a filter allows all that comes between its loading and the program. */
function mayLaunch(
  { program }: SeccompFilter,
  { terminal, rlimits = [] }: Process,
  calls: readonly SyscallName[],
): boolean {
  const CLONE_PARENT = 0x8000;
  const TIOCSCTTY = 0x540e;
  const args: Partial<Record<SyscallName, number[]>> = {
    clone: [CLONE_PARENT],
    ioctl: [0, TIOCSCTTY],
  };
  return [...calls, ...rlimits.length > 0 ? ["prlimit64" as const] : []]
    .filter((name) => name !== "ioctl" || terminal)
    .every((name) => allows(program, SYSCALLS[name], args[name]));
}
