import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { close, Fd } from "../../ffi/file.ts";
import {
  type Clone,
  clone3,
  type ExitStatus,
  pidfd_open,
  tryPidfdSendSignal,
  waitid,
} from "../../ffi/process.ts";
import { socketpair } from "../../ffi/socket.ts";
import {
  type ChildMessage,
  type Executing,
  type Failed,
  hear,
  type Refused,
  sendGo,
} from "../init/channel.ts";
import { runFromOutside, runJoiner } from "../init/joiner.ts";
import type { HookCall, Plan, Step } from "../init/plan.ts";
import { runPlan } from "../init/runner.ts";
import { giveAwayPipes } from "../init/steps/credentials.ts";
import { step } from "../trace.ts";
import { hostId, uidMappingsOf } from "./id_mappings.ts";
import { canBeLaunched, LaunchedProcess } from "./launched_process.ts";
import { forkFailure, launchFailure, stepFailure } from "./failure.ts";
import { StartContainerHooks } from "./hooks.ts";
import type { NamespaceChoice } from "./namespaces.ts";
import { ownNullDevice } from "./null_device.ts";
import { isEnding } from "./process_identity.ts";
import { fetchListener } from "./seccomp.ts";

/** Who watches the steps of the plan, and the faults of the tests. */
export interface ChildObserver {
  /** Called for each step of the plan that was done; times are milliseconds of `performance.now()`. */
  done(step: Step, start: number, end: number): void;
  /** Called in the child before each step. */
  fault?(step: Step): void;
}

/** What a process is made from. */
export interface SpawnOptions {
  readonly plan: Plan;
  readonly namespaces: NamespaceChoice;
  /** The cgroup v2 folder that it is born in. */
  readonly cgroup?: number;
  readonly observer?: ChildObserver;
  /** The parent's part between the making of the namespaces and the entering of the root. */
  readonly onBuilt?: (pid: number) => void;
  /**
   * Whether the plan is done by a process that joins the namespaces and stays outside of the pid namespace:
   * its launcher makes the one that is inside.
   */
  readonly fromOutside?: boolean;
  /** Gets the listener of a seccomp filter, open in this process. */
  readonly onListener?: (listener: number, pid: number) => void;
}

/**
 * A process of a container on its way to its program, and the parent's end of the channel to it.
 * Disposing of it kills it, reaps it and closes what belongs to it.
 */
export class Spawned implements Disposable {
  readonly #channel: Fd;
  readonly #options: SpawnOptions;
  #pid: number;
  #pidfd: Fd;
  readonly #launched?: LaunchedProcess;
  #executing?: Executing;
  #master?: Fd;
  #released = false;

  constructor(
    pid: number,
    pidfd: number,
    channel: Fd,
    options: SpawnOptions,
    launched?: LaunchedProcess,
  ) {
    this.#pid = pid;
    this.#pidfd = new Fd(pidfd);
    this.#channel = channel;
    this.#options = options;
    this.#launched = launched;
  }

  /** Its number; of one that is made from outside, only once it is ready. */
  get pid(): number {
    return this.#pid;
  }

  get pidfd(): Fd {
    return this.#pidfd;
  }

  /** What its launcher has no words for, where that waits for the start. */
  get executing(): Executing | undefined {
    return this.#executing;
  }

  /** The pty's master, when the plan has a terminal. */
  get master(): Fd | undefined {
    return this.#master;
  }

  /**
   * Does something that takes the process. When somebody kills it meanwhile, any call may be the one that fails: what
   * is told then is that it has ended, and what it failed by is the cause.
   *
   * @throws {DiedEarly} when the process has been killed; else what the action throws.
   */
  whileAlive<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof DiedEarly || !isEnding(this.pid)) throw error;
      const status = waitid(this.pid);
      const isKilled = status !== undefined && "signal" in status &&
        status.signal === SIGNALS.SIGKILL;
      if (isKilled) throw new DiedEarly(status, { cause: error });
      // One that ends otherwise has said why, which may not have been heard yet.
      if (error instanceof SysError) this.#awaitExec();
      throw error;
    }
  }

  /**
   * Where this process builds the root itself: does that, and is back on the host then.
   *
   * @throws {ContainerError} with the step that failed; {@link DiedEarly} when the first process has ended.
   */
  build(): void {
    if (this.#launched === undefined) return;
    using launched = this.#launched;
    this.#executing = launched.build(this.#pidfd.number, () => {
      if (!this.#listen()) throw new DiedEarly(waitid(this.pid));
    });
    this.#master = launched.master;
    // It goes on once this process is out again.
    step(() => ({
      label: "leave the container's namespaces",
      call: 'setns(fd, …) for each of the host\'s; fchdir(root); chroot("."); fchdir(folder)',
      check: `ls -l /proc/<pid>/ns /proc/${Deno.pid}/ns   # gocontainer's are the host's`,
    }), () => launched[Symbol.dispose]());
    this.go();
  }

  /**
   * Follows the process until it is built and waits for `start`.
   *
   * @throws {ContainerError} with the step that failed; {@link DiedEarly} when it ended without a word.
   */
  awaitReady(): void {
    if (!this.#listen()) throw new DiedEarly(waitid(this.pid));
    const { plan, namespaces } = this.#options;
    if (namespaces.has("user")) giveAwayPipesFromOutside(plan, this.pid);
  }

  /**
   * Follows a process that makes its namespaces itself until it has done so.
   *
   * @throws as {@link awaitReady} does; the process is gone then.
   */
  awaitEntered(): void {
    using undo = new DisposableStack();
    undo.use(this);
    const heard = this.whileAlive(() => hear(this.#channel.number))?.message;
    if (heard?.type === "failed") throw stepFailure(heard);
    if (heard?.type !== "entered") throw new DiedEarly(waitid(this.pid));
    undo.move();
  }

  /**
   * Lets the program start; returns when `execve` has happened, which the end of file tells: the
   * child's socket is close-on-exec.
   *
   * @throws {ContainerError} with the step that failed, be it since the process was ready;
   * {@link DiedEarly} when it ended since then without a word.
   */
  start(meanwhile = () => {}): void {
    const isThere = this.#tryGo();
    meanwhile();
    const launcher = this.#options.plan.find((step) => step.do === "launcher");
    this.#awaitExec(isThere ? launcher?.hooks?.hooks : []);
    if (!isThere) throw new DiedEarly(waitid(this.pid));
    this.#launched?.started();
    this.#channel[Symbol.dispose]();
  }

  #awaitExec(hooks: readonly HookCall[] = []): void {
    awaitExec(this.#channel.number, this.pid, {
      ...this.#options,
      executing: this.#executing,
      launched: this.#launched !== undefined,
      hooks,
      failureOf: (refused) => this.#launched?.failure(refused),
    });
  }

  /** As {@link go}; false when the process has ended. What it said before can still be heard. */
  #tryGo(): boolean {
    try {
      this.go();
      return true;
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EPIPE")) throw error;
      return false;
    }
  }

  /** Lets the process go on from where it waits. */
  go(): void {
    sendGo(this.#channel.number, this.pid);
  }

  /** Lets the process live on without this one. */
  release(): void {
    this.#released = true;
  }

  /** Kills and reaps: the process is our child, so its number cannot have gone to another one. */
  [Symbol.dispose](): void {
    this.#launched?.[Symbol.dispose]();
    this.#channel[Symbol.dispose]();
    this.#master?.[Symbol.dispose]();
    if (this.#released) return this.pidfd[Symbol.dispose]();
    try {
      // The usual end is that whoever followed it has reaped it.
      if (tryPidfdSendSignal(this.pidfd.number, SIGNALS.SIGKILL)) waitid(this.pid);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "ECHILD")) throw error;
    } finally {
      this.pidfd[Symbol.dispose]();
    }
  }

  /** Hears the process until there is something to do for it, or it is ready (true), or has closed its end (false). */
  #listen(): boolean {
    for (;;) {
      const heard = hear(this.#channel.number);
      if (heard === undefined) return false;
      const { message, fds } = heard;
      switch (message.type) {
        case "step":
          tellStep(this.#options, message);
          break;
        case "console":
          this.#master = new Fd(fds[0]);
          break;
        case "built":
          this.#options.onBuilt?.(this.pid);
          this.go();
          break;
        case "failed":
          throw stepFailure(message);
        case "exec":
          this.#executing = message;
          break;
        case "refused": {
          const failed = this.#launched?.failure(message);
          throw failed === undefined
            ? forkFailure(new SysError("clone", message.errno))
            : stepFailure(failed);
        }
        case "opened":
          // One that has ended has said why.
          if (!this.#launched?.take(this.#pidfd.number, message.fd)) break;
          return true;
        case "begun":
          this.#launched?.begun();
          return true;
        case "born":
          this.#becomes(message.pid);
          return true;
        case "ready":
          this.#launched?.ready();
          return true;
      }
    }
  }

  /** The process from outside has ended, and has left the one that it was all about: our child as well. */
  #becomes(pid: number): void {
    waitid(this.#pid);
    this.#pidfd[Symbol.dispose]();
    this.#pid = pid;
    this.#pidfd = new Fd(pidfd_open(pid));
  }
}

/**
 * The pipes of the host are nothing that root of a user namespace may give away, nor open by a name such as
 * /dev/stdout: who is on the host does it, for root in there as for others.
 */
function giveAwayPipesFromOutside(plan: Plan, pid: number): void {
  const user = plan.find((step) => step.do === "become user");
  if (user === undefined || plan.some((step) => step.do === "terminal")) return;
  const owner = hostId(user.uid, uidMappingsOf(pid));
  if (owner !== undefined) giveAwayPipes(owner);
}

/** What hears of a process that becomes its program. */
type ExecListener = Pick<SpawnOptions, "onListener"> & Partial<SpawnOptions> & {
  /** What was told of the program already. */
  readonly executing?: Executing;
  /** What has failed, by what the launcher has told of it. */
  readonly failureOf?: (refused: Refused) => Failed | undefined;
  /** Whether it is the launcher that is let go. */
  readonly launched?: boolean;
  /** What the launcher runs before the program. */
  readonly hooks?: readonly HookCall[];
};

/**
 * Follows a process from the word to start until it is its program, which the end of file tells.
 *
 * @throws {ContainerError} when it cannot be.
 */
export function awaitExec(channel: number, pid: number, options: ExecListener): void {
  let { executing } = options;
  const hooks = new StartContainerHooks(options.hooks);
  for (;;) {
    hooks.awaitWord(channel);
    const heard = hear(channel);
    if (heard === undefined) return hooks.over();
    const { message } = heard;
    // What the launcher has made is in reach of the container: of it nothing else is believed.
    const launched = options.launched || options.fromOutside;
    if (launched && message.type !== "refused" && message.type !== "ended") continue;
    switch (message.type) {
      case "step":
        tellStep(options, message);
        break;
      case "listener": {
        using listener = new Fd(fetchListener(pid, message.fd));
        options.onListener?.(listener.number, pid);
        sendGo(channel, pid);
        break;
      }
      case "exec":
        executing = message;
        break;
      case "ended":
        hooks.ended(message.status);
        sendGo(channel, pid);
        break;
      case "refused": {
        const failed = options.failureOf?.(message);
        if (failed !== undefined) throw stepFailure(failed);
        hooks.refused(message.errno);
        if (executing !== undefined) throw launchFailure(executing, message.errno);
        break;
      }
      case "failed":
        throw stepFailure(message);
    }
  }
}

function tellStep(
  { observer, plan }: Partial<SpawnOptions>,
  { index, start, end }: Extract<ChildMessage, { type: "step" }>,
): void {
  if (plan) observer?.done(plan[index], start, end);
}

/** The process ended before it was its program and without saying why: something else has killed it. */
export class DiedEarly extends Error {
  override readonly name = "DiedEarly";
  constructor(status: ExitStatus | undefined, options?: { cause: unknown }) {
    const how = status === undefined
      ? "for an unknown reason"
      : "signal" in status
      ? `by signal ${status.signal}`
      : `with code ${status.code}`;
    super(`ended early, ${how}`, options);
  }
}

/**
 * Makes a process in its namespaces, which begins with its plan at once: the launcher where that will do, else a
 * fork of this one.
 */
export function spawn(options: SpawnOptions): Spawned {
  if (!options.plan.some((step) => step.do === "terminal")) ownNullDevice();
  if (canBeLaunched(options)) return spawnLaunched(options);
  using undo = new DisposableStack();
  const [parentEnd, childEnd] = socketpair();
  const channel = undo.use(new Fd(parentEnd));
  using _child = new Fd(childEnd);
  const { namespaces, cgroup } = options;
  // What applies only to children needs a process in between, which makes the real one its sibling.
  const { pid, pidfd } = namespaces.needsJoiner && !options.fromOutside
    ? forkThroughJoiner()
    : forkChild();
  undo.move();
  const spawned = new Spawned(pid, pidfd, channel, options);
  if (options.fromOutside && namespaces.clone !== 0) spawned.awaitEntered();
  return spawned;

  function forkChild(): { pid: number; pidfd: number } {
    const made = fork({ flags: options.fromOutside ? 0 : namespaces.clone, cgroup });
    if (made.pid === 0) child();
    return made;
  }

  function forkThroughJoiner(): { pid: number; pidfd: number } {
    // A channel of its own: what the sibling says may come before the joiner has told of it.
    const [ours, theirs] = socketpair();
    using joinerChannel = new Fd(ours);
    const joiner = fork();
    if (joiner.pid === 0) {
      close(parentEnd);
      close(ours);
      const forkSibling = () => clone3({ flags: namespaces.clone, cgroup, sibling: true });
      const sibling = () => {
        close(theirs);
        return child();
      };
      runJoiner(namespaces, theirs, forkSibling, sibling);
    }
    close(theirs);
    using _pidfd = new Fd(joiner.pidfd);
    const heard = hear(joinerChannel.number);
    const status = waitid(joiner.pid);
    if (heard?.message.type === "failed") throw stepFailure(heard.message);
    if (heard?.message.type !== "born") throw new DiedEarly(status);
    // It is our child and not yet reaped, so the number is still its own.
    return { pid: heard.message.pid, pidfd: pidfd_open(heard.message.pid) };
  }

  function child(): never {
    // Its own copy of the parent's end would keep the channel open when the parent is gone.
    if (!namespaces.needsJoiner || options.fromOutside) close(parentEnd);
    const { plan, observer, fromOutside } = options;
    const { fault } = observer ?? {};
    const running = {
      follow: observer !== undefined,
      fault: fault && ((index: number) => fault(plan[index])),
    };
    if (fromOutside) runFromOutside(namespaces, plan, childEnd, running);
    runPlan(plan, childEnd, running);
  }
}

/** Makes a process that is the launcher from its beginning on. */
function spawnLaunched(options: SpawnOptions): Spawned {
  using undo = new DisposableStack();
  const [parentEnd, childEnd] = socketpair();
  const channel = undo.use(new Fd(parentEnd));
  using theirs = new Fd(childEnd);
  const launched = undo.use(new LaunchedProcess(options, theirs.number));
  const pid = launched.spawn();
  const pidfd = pidfd_open(pid);
  undo.move();
  return new Spawned(pid, pidfd, channel, options, launched);
}

/** clone3(2), in the parent: a refusal is told with what to do. */
function fork(options?: Parameters<typeof clone3>[0]): Clone {
  try {
    return clone3(options);
  } catch (error) {
    throw error instanceof SysError ? forkFailure(error) : error;
  }
}
