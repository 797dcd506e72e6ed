import { AT_FDCWD, O_DIRECTORY, O_PATH, SIGNALS } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import {
  bindAndListen,
  connect,
  sendmsg,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  socket,
} from "../../ffi/socket.ts";
import { SysError } from "../../ffi/errno.ts";
import { type Cgroup, openCgroup, planCgroup } from "../cgroup/cgroup.ts";
import { waitUntil } from "../cgroup/cgroupfs.ts";
import type { CgroupManager } from "../cgroup/manager.ts";
import { detectCgroups } from "../cgroup/detect.ts";
import { scopePath } from "../cgroup/systemd/path.ts";
import { removeScope } from "../cgroup/systemd/remove.ts";
import { ContainerError } from "../errors.ts";
import { sendGo } from "../init/channel.ts";
import { loadSpec } from "../oci/load.ts";
import { withoutEmptyPidsLimit } from "../oci/pids_limit.ts";
import type { Spec, State } from "../oci/spec.ts";
import { warn } from "../trace.ts";
import { configOf, endContainer, requireHere, statusOf } from "./container.ts";
import { getContainer } from "./get_container.ts";
import { signalAll } from "./signal_container.ts";
import { create, type CreatedContainer } from "./create.ts";
import { earlyEnd } from "./failure.ts";
import { hookCall, runPoststartHooks, runPoststopHooks } from "./hooks.ts";
import { hostIdsOf } from "./id_mappings.ts";
import { isAlive, type ProcessIdentity } from "./process_identity.ts";
import { containerFilter, sendListener } from "./seccomp.ts";
import { awaitExec, DiedEarly } from "./spawn.ts";
import { checkUserSpec, limitedUser, ordinaryUser } from "./ordinary_user.ts";
import { makeScope, managerFor, pathInScope } from "./systemd_scope.ts";
import { checkId, type ContainerRecord, type ContainerState, type StateRoot } from "./state.ts";

/** What the runtime's `create` and `run` take. */
export interface BundleOptions {
  readonly root: StateRoot;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** Unix socket that gets the pty's master. */
  readonly consoleSocket?: string;
  /** How many descriptors from 3 on the program gets. */
  readonly passedFds: number;
  /** Variables for the program besides those of the config. */
  readonly env: readonly string[];
  /** Whether the caller's session keyring is the container's too. */
  readonly keepKeyring: boolean;
  /** Whether the root goes on top of the host's, instead of in its place. */
  readonly noPivot: boolean;
  /** Who makes the cgroup. */
  readonly cgroupManager: CgroupManager;
  /** The process that follows the container, where one does. */
  readonly owner?: ProcessIdentity;
  /** Whether `start` comes from another process. */
  readonly startedLater: boolean;
  /** Whether nobody relays a terminal here. */
  readonly detached: boolean;
}

/** A container made from a bundle. */
export interface BundleContainer extends Disposable {
  readonly state: ContainerState;
  readonly spec: Spec;
  readonly cgroup: Cgroup;
  readonly container: CreatedContainer;
  /** Runs the program, and the poststart hooks; what fails ends the container, and the poststop hooks run. */
  start(): void;
  /** Lets it live on without this process. */
  detach(): void;
}

/**
 * Makes a container from a bundle (runtime.md, "Create"): all of the config but its `process` is
 * applied. Disposing of the result undoes everything.
 *
 * @throws {ContainerError} for a bad config or id, or the step that failed; nothing is left then.
 */
export async function createFromBundle(options: BundleOptions): Promise<BundleContainer> {
  const { root, id, bundle } = options;
  const { spec, text, warnings } = loadSpec(bundle);
  warnings.forEach(warn);
  if (spec.process === undefined && !options.startedLater) throw withoutProcess(`run "${id}"`);
  checkTerminal(spec, options);
  if (options.noPivot) checkMovable(spec);
  const user = limitedUser();
  if (ordinaryUser() !== undefined) checkUserSpec(spec);
  if (spec.process) spec.process.env = [...spec.process.env ?? [], ...options.env];
  const seccomp = await containerFilter(spec.linux?.seccomp);

  // Before the cgroup, whose path is made of it.
  checkId(id);
  using undo = new DisposableStack();
  const cgroupsPath = spec.linux?.cgroupsPath;
  const { cgroupManager } = options;
  const scope = cgroupManager === "systemd"
    ? scopePath(cgroupsPath, id, managerFor(user))
    : undefined;
  const cgroup = cgroupManager === "disabled" ? openCgroup([]) : planCgroup(
    scope === undefined ? cgroupsPath ?? defaultCgroup(id, user) : pathInScope(scope),
  );
  const state = register(root, {
    ociVersion: spec.ociVersion,
    id,
    name: id,
    bundle,
    config: `${root.path}/${id}/config.json`,
    created: new Date().toISOString(),
    owner: options.owner,
    cgroups: cgroup.folders,
    ...(scope === undefined ? {} : { scope: scope.scope }),
    ...(options.keepKeyring ? { keepsKeyring: true } : {}),
    hostIds: hostIdsOf(spec.linux?.uidMappings),
    annotations: spec.annotations,
  });
  // A container whose hooks have run, or that was started, has been one: it is stopped and taken back as any other.
  let hasBeen = false;
  undo.defer(() => {
    state.remove();
    if (hasBeen) runPoststopHooks(spec, state.record);
  });
  state.write("config.json", text);

  using holder = scope && makeScope(scope, id, spec);
  cgroup.create(user === undefined ? undefined : { user, named: cgroupsPath !== undefined });
  if (cgroupsPath !== undefined && cgroup.denied.length > 0) {
    warn(
      `the container goes without the cgroup of linux.cgroupsPath, "${cgroup.denied[0]}", which ` +
        `user ${user} may not use`,
    );
  }
  state.record.cgroups = cgroup.folders;
  undo.defer(() => {
    cgroup.kill();
    cgroup.remove();
    if (scope !== undefined) removeScope(cgroup.folders);
  });
  if (holder !== undefined && detectCgroups().kind === "v2") cgroup.takeOver(holder.pid);
  state.record.spared = cgroup.spared;
  if (cgroupManager !== "disabled") {
    cgroup.apply(withoutEmptyPidsLimit(spec.linux?.resources ?? {}, spec.ociVersion));
  }
  using listener = options.startedLater ? new Fd(listen(state)) : undefined;
  const container = undo.use(create({
    state,
    spec,
    cgroup,
    dieWithParent: false,
    listener: listener?.number,
    passedFds: options.passedFds,
    noPivot: options.noPivot,
    seccomp,
    onHooks: () => hasBeen = true,
  }));
  if (options.consoleSocket !== undefined) sendConsole(options.consoleSocket, container.master!);
  const made = undo.move();
  return {
    state,
    spec,
    cgroup,
    container,
    start() {
      hasBeen = true;
      container.start();
      startHooks(state, spec);
    },
    detach() {
      container.detach();
      made.move();
    },
    [Symbol.dispose]: () => made.dispose(),
  };
}

/** A user's containers have a place beside those of root, which may have been given to him. */
function defaultCgroup(id: string, user: number | undefined): string {
  return user === undefined ? `/go_containers/${id}` : `/go_containers/user-${user}/${id}`;
}

function register(root: StateRoot, record: ContainerRecord): ContainerState {
  using _lock = root.lock();
  return root.register(record);
}

/** What of the host is mounted beneath could not be let go by the root of a user namespace. */
function checkMovable({ linux }: Spec): void {
  if (!linux?.namespaces?.some(({ type }) => type === "user")) return;
  throw new ContainerError("make the container: --no-pivot does not go with a user namespace", {
    code: "Unsupported",
  });
}

function checkTerminal(spec: Spec, options: BundleOptions): void {
  const terminal = spec.process?.terminal === true;
  if (terminal && options.detached && options.consoleSocket === undefined) {
    throw new ContainerError(
      "make the container: its config wants a terminal, but nobody takes it",
      {
        code: "InvalidArgument",
        hint: "Give --console-socket, or set process.terminal to false",
      },
    );
  }
  if (!terminal && options.consoleSocket !== undefined) {
    throw new ContainerError("make the container: --console-socket without process.terminal", {
      code: "InvalidArgument",
    });
  }
}

/**
 * Starts a created container (runtime.md, "Start"), over the socket on which its first process waits.
 *
 * @throws {ContainerError} when it is not in the state `created`, or its program cannot be run.
 */
export function startContainer(root: StateRoot, id: string): void {
  using channel = new Fd(socket(SOCK_SEQPACKET));
  const { state, spec } = whileAlive(root, id, () => claimStart(root, id, channel.number));
  const { record } = state;
  const { executing } = record;
  try {
    whileAlive(root, id, () => {
      sendGo(channel.number, record.init!.pid);
      awaitExec(channel.number, record.init!.pid, {
        executing,
        launched: executing !== undefined,
        onListener: (listener, pid) => sendListener(listener, pid, spec, record),
        hooks: spec.hooks?.startContainer?.map(hookCall),
      });
    });
  } catch (error) {
    // One that takes too long is still there, in a pid namespace that need not end with the first process.
    if (spec.hooks?.startContainer?.length) {
      signalAll(state, SIGNALS.SIGKILL);
      endContainer(state);
    }
    throw error;
  }
  startHooks(state, spec);
}

/**
 * Does what takes the first process, which is not this one's child. Where it has been killed, that is told, and not which
 * call has met that.
 */
function whileAlive<T>(root: StateRoot, id: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const { record } = getContainer(root, id);
    // Its descriptors go before it is one that has ended.
    const SOON = 100;
    if (!waitUntil(() => !isAlive(record.init), SOON)) throw error;
    throw earlyEnd(new DiedEarly(undefined, { cause: error }), openCgroup(record.cgroups).oom());
  }
}

/**
 * Connects to the first process, which takes one connection and ends with it. So of several starts at once only one
 * may get there; the lock of one that is killed before is free, and the container can still be started.
 */
function claimStart(
  root: StateRoot,
  id: string,
  channel: number,
): { state: ContainerState; spec: Spec } {
  using _lock = getContainer(root, id).lock();
  // Another one may have started it meanwhile.
  const state = getContainer(root, id);
  const { record } = state;
  const status = statusOf(state);
  if (status !== "created") {
    throw new ContainerError(`start container "${record.id}": it is ${status}, not created`, {
      code: "WrongState",
      hint: hintForStart(status, record.id),
    });
  }
  requireHere(state, "start");
  const spec = configOf(state);
  if (spec.process === undefined) throw withoutProcess(`start "${record.id}"`);
  withFolder(state, (folder) => connect(channel, `${folder}/${START_SOCKET}`));
  Deno.removeSync(`${state.folder}/${START_SOCKET}`);
  record.started = true;
  state.save();
  return { state, spec };
}

function withoutProcess(action: string): ContainerError {
  return new ContainerError(`${action}: its config has no process`, {
    code: "InvalidSpec",
    hint: "Add process to config.json: only create goes without",
  });
}

/** The hooks after the start; a failing one ends the container. */
function startHooks(state: ContainerState, spec: Spec): void {
  try {
    runPoststartHooks(spec, state.record, state.record.init!.pid);
  } catch (error) {
    endContainer(state);
    throw error;
  }
}

const START_SOCKET = "start.sock";

/** A socket in the container's state folder, which only root can reach. */
function listen(state: ContainerState): number {
  const fd = socket(SOCK_SEQPACKET);
  withFolder(state, (folder) => bindAndListen(fd, `${folder}/${START_SOCKET}`));
  return fd;
}

/** A socket's path holds 107 bytes, a container's id may hold more: so it is named by a descriptor. */
function withFolder(state: ContainerState, use: (folder: string) => void): void {
  using folder = new Fd(openat(AT_FDCWD, state.folder, O_PATH | O_DIRECTORY));
  use(`/proc/self/fd/${folder.number}`);
}

/** Sends the pty's master over a unix stream socket, as engines expect it: the name, and one descriptor. */
export function sendConsole(path: string, master: number): void {
  try {
    using connection = new Fd(socket(SOCK_STREAM));
    connect(connection.number, path);
    const name = new TextEncoder().encode("/dev/ptmx");
    const bytes = new Uint8Array(new ArrayBuffer(name.length));
    bytes.set(name);
    sendmsg(connection.number, bytes, [master]);
  } catch (cause) {
    if (!(cause instanceof SysError || cause instanceof RangeError)) throw cause;
    throw new ContainerError(`send the terminal to "${path}": ${cause.message}`, { cause });
  }
}

/** What to do about a container that cannot be started as it is. */
function hintForStart(status: State["status"], id: string): string | undefined {
  switch (status) {
    case "running":
      return "Its program is there already: exec runs one more in it";
    case "paused":
      return `Let it go on first: resume ${id}`;
    case "stopped":
      return "Delete it, and create it anew";
    default:
      return undefined;
  }
}
