import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat, statx, tryStatx } from "../../ffi/file.ts";
import { openCgroup } from "../cgroup/cgroup.ts";
import { ContainerError, SysError } from "../errors.ts";
import { parseList } from "../oci/list_format.ts";
import { NAMESPACES } from "../oci/namespaces.ts";
import type { NamespaceType, Process, Spec } from "../oci/spec.ts";
import { cgroupOf, requireHere, statusOf, waitsForStart } from "./container.ts";
import { unlessEnded } from "./running.ts";
import { joinOrder, type NamespaceChoice } from "./namespaces.ts";
import { buildExecPlan } from "./plan/exec.ts";
import { canLaunchFromOutside } from "./plan/launching.ts";
import { isAlive, type ProcessIdentity } from "./process_identity.ts";
import { ordinaryUser } from "./ordinary_user.ts";
import { applyEarlySettings, applyLateSettings, lendOomScore } from "./process_settings.ts";
import { programOptions } from "./program_options.ts";
import { type ContainerFilter, sendListener } from "./seccomp.ts";
import { DiedEarly, spawn, type Spawned } from "./spawn.ts";
import type { ContainerState } from "./state.ts";
import { existingSubFolders } from "./sub_cgroup.ts";

/** What one more process in a container is made from. */
export interface ExecOptions {
  readonly state: ContainerState;
  readonly process: Process;
  /** Cgroups below the container's to be born in, see {@link existingSubFolders}. */
  readonly cgroups: readonly string[];
  readonly ignorePaused: boolean;
  readonly passedFds: number;
  /** The container's config: its filter, personality and memory policy hold for every process in it. */
  readonly spec: Spec;
  readonly seccomp?: ContainerFilter;
}

/** As {@link unlessEnded}; where the process that is made in the container ends meanwhile, the error says that. */
export function whileRunning<T>(state: ContainerState, action: () => T): T {
  try {
    return unlessEnded(state, "run in", action);
  } catch (cause) {
    if (!(cause instanceof DiedEarly)) throw cause;
    throw new ContainerError(
      `run in container "${state.record.id}": the process ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/**
 * Makes one more process in a running container: in its namespaces and cgroups, with the rights that
 * the process asks for. It waits for `start`; disposing of it kills it.
 *
 * @throws {ContainerError} when the container does not run, or with the step that failed; {@link DiedEarly} when the
 * process is killed meanwhile.
 */
export function execInContainer(options: ExecOptions): Spawned {
  const { state, process } = options;
  const { record } = state;
  const status = statusOf(state);
  const usable = status === "running" || status === "created" ||
    (status === "paused" && options.ignorePaused);
  if (!usable) {
    throw new ContainerError(
      `run in container "${record.id}": it is ${status}, container not running`,
      {
        code: "WrongState",
        hint: status === "paused" ? `Let it go on first: resume ${record.id}` : undefined,
      },
    );
  }

  requireHere(state, "run in");
  if (waitsForStart(state)) checkWaiting(options);

  using transient = new DisposableStack();
  if (options.spec.linux?.seccomp !== undefined && options.seccomp === undefined) {
    throw new ContainerError("apply linux.seccomp: it has not been compiled");
  }
  const affinity = parseList(process.execCPUAffinity?.initial ?? "") ?? [];
  const { cgroupNamespace, ...choice } = namespacesOf(record.init!, transient);
  const namespaces = { ...choice, ...(affinity.length > 0 ? { affinity } : {}) };
  const inUserNamespace = namespaces.has("user");
  const root = namespaces.has("mount") ? undefined : transient.use(
    new Fd(openat(AT_FDCWD, `/proc/${record.init!.pid}/root`, O_PATH | O_DIRECTORY)),
  ).number;
  const below = options.cgroups.length === 0
    ? undefined
    : existingSubFolders(record.cgroups, options.cgroups);
  const cgroup = below === undefined
    ? cgroupOf(record).beside(record.init!.pid)
    // Those in the container have made them, and may have killed them.
    : openCgroup(below, below);
  const joined = cgroup.openToJoin(transient);
  const program = programOptions(process, options.spec, inUserNamespace, options.seccomp);
  const fromOutside = namespaces.join.some(({ type }) => type === "pid") &&
    canLaunchFromOutside(process, program);
  const plan = buildExecPlan(process, {
    cgroupNamespace,
    keyring: record.keepsKeyring ? undefined : record.id,
    cgroupFiles: joined.tasks,
    passedFds: options.passedFds,
    root,
    inUserNamespace,
    personality: options.spec.linux?.personality,
    program,
    fromOutside,
  });

  using undo = new DisposableStack();
  const { oomScoreAdj, ...settings } = process;
  using score = oomScoreAdj !== undefined && ordinaryUser() !== undefined
    ? lendOomScore(oomScoreAdj)
    : undefined;
  const spawned = undo.use(spawn({
    plan,
    namespaces,
    cgroup: joined.folder,
    fromOutside,
    onListener: (listener, pid) => sendListener(listener, pid, options.spec, record),
  }));
  spawned.whileAlive(() => {
    applyEarlySettings(spawned.pid, score ? settings : process);
    spawned.build();
    spawned.awaitReady();
    applyLateSettings(spawned.pid, process);
  });
  undo.move();
  return spawned;
}

/**
 * What waits for its start is the launcher, save where the plan goes on after that: then it is this program,
 * which no process that may trace it is to meet (CVE-2019-5736).
 */
function checkWaiting({ state, process }: ExecOptions): void {
  const { record } = state;
  if (record.executing !== undefined) return;
  const { bounding, permitted, ambient } = process.capabilities ?? {};
  const mayTrace = [bounding, permitted, ambient].some((set) => set?.includes("CAP_SYS_PTRACE"));
  if (!mayTrace) return;
  throw new ContainerError(
    `run in container "${record.id}": with CAP_SYS_PTRACE it would reach what starts the container`,
    { code: "WrongState", hint: `Start it first (start ${record.id})` },
  );
}

/**
 * All namespaces of the container's first process that are not this process's own. The cgroup namespace is
 * for the process itself to join: from inside of it nobody who is not below its root can make a process in
 * the container's cgroup, where cgroup v2 is mounted with nsdelegate (cgroups(7)).
 */
function namespacesOf(
  init: ProcessIdentity,
  acquired: DisposableStack,
): NamespaceChoice & { readonly cgroupNamespace?: number } {
  const join: { type: NamespaceType; fd: number; flag: number }[] = [];
  for (const [type, { flag, file }] of Object.entries(NAMESPACES)) {
    const ours = tryStatx(AT_FDCWD, `/proc/self/ns/${file}`);
    // The kernel was built without this kind.
    if (ours === undefined) continue;
    const theirs = acquired.use(new Fd(openNamespace(`/proc/${init.pid}/ns/${file}`)));
    if (statx(theirs.number).ino === ours.ino) continue;
    join.push({ type: type as NamespaceType, fd: theirs.number, flag });
  }
  // Only now is it certain that what was opened belongs to that very process.
  if (!isAlive(init)) throw new ContainerError("join the container: its first process has ended");
  return {
    clone: 0,
    unshare: 0,
    join: join.filter(({ type }) => type !== "cgroup").sort(joinOrder),
    cgroupNamespace: join.find(({ type }) => type === "cgroup")?.fd,
    needsJoiner: true,
    has: (type) => join.some((namespace) => namespace.type === type),
    isNew: () => false,
  };
}

/** Into a process that is not its program yet nobody but root may look (CVE-2016-9962). */
function openNamespace(path: string): number {
  try {
    return openat(AT_FDCWD, path, O_RDONLY);
  } catch (cause) {
    if (!(cause instanceof SysError && cause.code === "EACCES")) throw cause;
    throw new ContainerError(`run in the container: ${cause.message}`, {
      code: "NotAllowed",
      cause,
      hint: "Before its program is started only root can join a container: start it first",
    });
  }
}
