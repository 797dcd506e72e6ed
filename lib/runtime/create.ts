import { resolve } from "@std/path/posix/resolve";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { detectCgroups } from "../cgroup/detect.ts";
import { ContainerError } from "../errors.ts";
import { enterFolder } from "../init/hook.ts";
import type { Hooks, Spec } from "../oci/spec.ts";
import { step } from "../trace.ts";
import { cgroupFoldersByMount } from "./cgroup_mounts.ts";
import { delegateCgroup } from "./delegation.ts";
import { containerNodes, mayMakeNodes } from "./devices.ts";
import { earlyEnd } from "./failure.ts";
import { firstProcessCall } from "./explain_spawn.ts";
import { hookState, runRuntimeHooks } from "./hooks.ts";
import { mapIds, mappingCalls } from "./id_mappings.ts";
import { joinRdtGroup, removeRdtGroups } from "./intel_rdt.ts";
import { chooseNamespaces, type NamespaceChoice } from "./namespaces.ts";
import { moveNetDevices } from "./net_devices.ts";
import { limitedUser, ordinaryUser } from "./ordinary_user.ts";
import { buildPlan } from "./plan/container.ts";
import { canCreateFromOutside } from "./plan/launching.ts";
import { identify } from "./process_identity.ts";
import { applyEarlySettings, applyLateSettings } from "./process_settings.ts";
import { programOptions } from "./program_options.ts";
import { type ContainerFilter, sendListener } from "./seccomp.ts";
import { checkMountLabel } from "./security_labels.ts";
import { type ChildObserver, DiedEarly, spawn, type Spawned, type SpawnOptions } from "./spawn.ts";
import { copiesOfStandardStreams } from "./standard_streams.ts";
import type { ContainerState } from "./state.ts";
import { openTrees } from "./trees.ts";
import { withoutUnmappedGroups } from "./unmapped_groups.ts";

/** What `create` makes a container from. */
export interface CreateOptions {
  /** The registered container. */
  readonly state: ContainerState;
  readonly spec: Spec;
  /** Its cgroup, made and limited. */
  readonly cgroup: Cgroup;
  /** Whether the container shall end with this process. */
  readonly dieWithParent: boolean;
  /** The new network namespace, where it has been made already. */
  readonly netns?: number;
  readonly observer?: ChildObserver;
  /** A listening socket on which the child waits for a later `start`, where this process ends before. */
  readonly listener?: number;
  /** How many descriptors from 3 on the program gets besides standard input and output. */
  readonly passedFds?: number;
  /** Whether the root goes on top of the host's, instead of in its place. */
  readonly noPivot?: boolean;
  /** The filter that `linux.seccomp` of the config was compiled to. */
  readonly seccomp?: ContainerFilter;
  /** Called when the first hooks are about to run: what follows is the end of a container, not of an attempt. */
  readonly onHooks?: () => void;
  /** Whether the first process is waited for only by `start`: the caller has work to do while it gets ready. */
  readonly readyLater?: boolean;
}

/** A container whose first process waits for `start`, or will. */
export interface CreatedContainer extends Disposable {
  readonly pid: number;
  readonly pidfd: number;
  /** The pty's master, with a terminal. */
  readonly master?: number;
  /**
   * Lets the program start; returns when `execve` has happened.
   *
   * @param meanwhile what this process does until it hears of that.
   */
  start(meanwhile?: () => void): void;
  /** Does something that takes the first process; where that is killed meanwhile, this is what the error tells. */
  whileAlive<T>(action: () => T): T;
  /** Lets the container live on without this process. */
  detach(): void;
}

/**
 * Makes a container's first process and everything around it, up to the point where only `start` is
 * missing. What was made is undone when the result is disposed, in reverse order, init first.
 *
 * @throws {ContainerError} with the step that failed; nothing is left then.
 */
export function create(options: CreateOptions): CreatedContainer {
  const { state, cgroup } = options;
  const spec = withoutUnmappedGroups(options.spec);
  const { record } = state;
  const linux = spec.linux ?? {};

  checkSpec(spec, options);
  delegateCgroup(cgroup.folders, spec);

  using undo = new DisposableStack();
  using transient = new DisposableStack();
  const namespaces = chooseNamespaces(linux.namespaces ?? [], transient, {
    offsets: linux.timeOffsets,
    netns: options.netns,
  });
  const joined = cgroup.openToJoin(transient);
  if (!namespaces.has("mount")) {
    record.hostRoot = resolve(record.bundle, spec.root.path);
    state.save();
  }
  const program = programOptions(spec.process, spec, namespaces.has("user"), options.seccomp);
  const fromOutside = canCreateFromOutside(spec, namespaces, program, options.listener);
  const pidns = namespaces.join.find(({ type }) => type === "pid")?.fd;
  const byUser = ordinaryUser() !== undefined;
  const limited = byUser || limitedUser() !== undefined;
  const trees = openTrees(spec, {
    pidns: fromOutside ? pidns : undefined,
    bundle: record.bundle,
    namespaces,
    byUser,
    bindNodes: namespaces.has("user") || limited || !mayMakeNodes(),
    cgroups: cgroupFoldersByMount(cgroup.folders, limited || cgroup.folders.length === 0),
    nodes: containerNodes(linux.devices ?? []),
    acquired: transient,
    undo,
  });
  const has = (hooks: keyof Hooks) => (spec.hooks?.[hooks] ?? []).length > 0;
  const hasHooks = has("prestart") || has("createRuntime") || has("createContainer");
  const devices = linux.netDevices ?? {};
  const passedFds = options.passedFds ?? 0;
  const plan = buildPlan(spec, {
    keyring: record.keepsKeyring ? undefined : record.id,
    bundle: record.bundle,
    cgroupFiles: joined.tasks,
    layout: detectCgroups(),
    namespaces,
    dieWithParent: options.dieWithParent,
    loopback: namespaces.isNew("network") && options.netns === undefined,
    listener: options.listener,
    passedFds,
    unneededFds: options.listener === undefined ? [] : copiesOfStandardStreams(3 + passedFds),
    hookState: hookState(record, spec, "creating"),
    trees,
    program,
    fromOutside,
    noPivot: options.noPivot,
    // Who makes the launcher of startContainer hooks learns then what number they are to be told.
    parentActs: hasHooks || has("startContainer") || Object.keys(devices).length > 0,
  });

  const moved = new DisposableStack();
  const spawning: SpawnOptions = {
    plan,
    namespaces: fromOutside ? withoutPid(namespaces) : namespaces,
    fromOutside,
    cgroup: joined.folder,
    observer: options.observer,
    onBuilt: (pid) => {
      moveNetDevices(devices, pid, moved);
      if (hasHooks) options.onHooks?.();
      runRuntimeHooks(spec, record, pid);
    },
    onListener: (listener, pid) => sendListener(listener, pid, spec, record),
  };
  const orDied = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw error instanceof DiedEarly ? earlyEnd(error, cgroup.oom()) : error;
    }
  };
  const init: Spawned = undo.use(step(
    () => ({
      label: "make the container's first process, in its namespaces",
      call: firstProcessCall(spawning),
      check: `gocontainer state ${record.id}; lsns -p <pid>   # the first tells <pid>`,
    }),
    () => {
      // Where the hooks begin, be it that the root of their user namespace may not enter it.
      using _entered = has("createContainer") && namespaces.has("user")
        ? enterFolder(record.bundle)
        : undefined;
      return orDied(() => spawn(spawning));
    },
  ));
  const whileAlive = <T>(action: () => T): T => orDied(() => init.whileAlive(action));
  const awaitReady = () => {
    init.awaitReady();
    if (spec.process) applyLateSettings(init.pid, spec.process);
    // Of one made from outside it is another process by now.
    if (fromOutside) record.init = identify(init.pid);
    record.built = true;
  };
  whileAlive(() => {
    // Goes before the first process, with whose end the namespace would take the devices along.
    using _moved = moved;
    record.init = identify(init.pid);
    // Where it is started at once, that is written down together with this.
    if (!options.readyLater) state.save();
    if (linux.intelRdt) {
      const groups = joinRdtGroup(init.pid, record.id, linux.intelRdt);
      undo.defer(() => removeRdtGroups(groups));
      record.resctrl = groups;
      state.save();
    }
    if (spec.process) applyEarlySettings(init.pid, spec.process);
    if (namespaces.isNew("user")) {
      const { uidMappings = [], gidMappings = [] } = linux;
      step(
        () => ({
          label: "map the ids of the user namespace to the host's",
          call: mappingCalls(init.pid, uidMappings, gidMappings),
          check: "cat /proc/<pid>/uid_map /proc/<pid>/gid_map",
        }),
        () => mapIds(init.pid, uidMappings, gidMappings),
      );
      init.go();
    }
    init.build();
    if (!options.readyLater) awaitReady();
    if (options.listener !== undefined) {
      const launcherWaits = plan.find((step) => step.do === "launcher")?.listener !== undefined;
      record.executing = launcherWaits ? init.executing : undefined;
      state.save();
    }
    moved.move();
  });
  const made = undo.move();
  return {
    pid: init.pid,
    pidfd: init.pidfd.number,
    master: init.master?.number,
    start: (meanwhile) => {
      if (options.readyLater) whileAlive(awaitReady);
      record.started = true;
      state.save();
      try {
        whileAlive(() => init.start(meanwhile));
      } catch (error) {
        record.started = false;
        state.save();
        throw error;
      }
    },
    whileAlive,
    detach: () => void made.move(),
    [Symbol.dispose]: () => made.dispose(),
  };
}

/** The plan has this one joined. */
function withoutPid(namespaces: NamespaceChoice): NamespaceChoice {
  return { ...namespaces, join: namespaces.join.filter(({ type }) => type !== "pid") };
}

/** What only this machine can tell of a config, before anything is made. */
function checkSpec(spec: Spec, options: CreateOptions): void {
  checkMountLabel(spec.linux?.mountLabel);
  const users = spec.linux?.uidMappings ?? [];
  if (users.length > 0 && !users.some(({ containerID }) => containerID === 0)) {
    throw new ContainerError("apply linux.uidMappings: none of them maps the container's root, 0", {
      code: "InvalidSpec",
      hint: "The container is set up by its own root",
    });
  }
  if (spec.linux?.seccomp !== undefined && options.seccomp === undefined) {
    throw new ContainerError("apply linux.seccomp: it has not been compiled");
  }
}
