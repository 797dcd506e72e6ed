import { AT_FDCWD, CLONE_NEWCGROUP, O_DIRECTORY, O_PATH, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat, umask } from "../../ffi/file.ts";
import { setns, unshare } from "../../ffi/namespace.ts";
import { chroot, fchdir } from "../../ffi/process.ts";
import type { InitContext } from "../init/context.ts";
import type { CredentialsStep, Plan, Step } from "../init/plan.ts";
import { failureOf, isNeeded, perform } from "../init/runner.ts";
import { NAMESPACES } from "../oci/namespaces.ts";
import type { NamespaceType } from "../oci/spec.ts";
import { ContainerError, reasonOf } from "../errors.ts";
import { tell } from "../trace.ts";
import { assuming } from "./assume.ts";
import { stepFailure } from "./failure.ts";
import type { NamespaceChoice } from "./namespaces.ts";
import type { ChildObserver } from "./spawn.ts";

/**
 * This very process inside of a container's namespaces: where the root is built without a copy of this
 * process. Nobody else is there but the container's first process, which waits. Leaving brings back
 * everything as it was, also after a failure.
 */
export class InsideNamespaces implements Disposable {
  readonly #opened = new DisposableStack();
  readonly #folder: number;
  readonly #root: number;
  readonly #host: readonly OpenNamespace[];
  readonly #umask: number;

  /** Makes the new namespaces and joins the others. Those of pids are for this process's children only. */
  constructor({ clone, join }: Pick<NamespaceChoice, "clone" | "join">) {
    using undo = new DisposableStack();
    const open = (path: string) => undo.use(new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY)));
    this.#folder = open(".").number;
    this.#root = open("/").number;
    this.#host = openOwn("pid", undo);
    this.#umask = umask(0);
    undo.defer(() => this.#leave());
    if (clone !== 0) unshare(clone);
    for (const { fd, flag } of join) setns(fd, flag);
    this.#opened = undo.move();
  }

  /** Joins the cgroup namespace of the first process, which that has made where its cgroup begins. */
  joinCgroups(pidfd: number): void {
    setns(pidfd, CLONE_NEWCGROUP);
  }

  /** Does something on the host and comes back; what it throws leaves this process there. The host's root is still to be had. */
  outside(action: () => void): void {
    using transient = new DisposableStack();
    const own = openOwn("pid_for_children", transient);
    this.#leave();
    action();
    umask(0);
    for (const { fd, flag } of own) setns(fd, flag);
  }

  #leave(): void {
    try {
      for (const { fd, flag } of this.#host) setns(fd, flag);
      fchdir(this.#root);
      chroot(".");
      fchdir(this.#folder);
      umask(this.#umask);
    } catch (error) {
      // Whatever would be undone in there would be undone in the wrong place.
      tell(`gocontainer: leave the container's namespaces: ${reasonOf(error)}`);
      Deno.exit(125);
    }
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }
}

/** A namespace that is open, and the CLONE_NEW* bit of its kind. */
interface OpenNamespace {
  readonly fd: number;
  readonly flag: number;
}

/** Opens the namespaces that this process is in; of pids its own or those of its children. */
function openOwn(pid: "pid" | "pid_for_children", opened: DisposableStack): OpenNamespace[] {
  return LEFT.map((type) => {
    const { file, flag } = NAMESPACES[type];
    const path = `/proc/self/ns/${type === "pid" ? pid : file}`;
    return { flag, fd: opened.use(new Fd(openat(AT_FDCWD, path, O_RDONLY))).number };
  });
}

/** Those that are left in the end; the mount namespace last, as it takes root and folder along. */
const LEFT = [
  "ipc",
  "uts",
  "network",
  "pid",
  "cgroup",
  "mount",
] as const satisfies readonly NamespaceType[];

/** Steps that this process carries out. */
export interface BuildOptions {
  readonly plan: Plan;
  /** Whether a step is one of them; at all others the faults of the tests have their turn, too. */
  readonly isMine: (step: Step) => boolean;
  /** Waits for what a step takes. */
  readonly before: (step: Step) => void;
  readonly context: InitContext;
  readonly observer?: ChildObserver;
}

/**
 * Carries out steps of a plan in this process.
 *
 * @throws {ContainerError} with the step that failed.
 */
export function build({ plan, isMine, before, context, observer }: BuildOptions): void {
  let user: CredentialsStep | undefined;
  for (const step of plan) {
    before(step);
    // What comes after it has no more than the program's rights.
    if (step.do === "become user") user = step;
    try {
      observer?.fault?.(step);
      if (!isMine(step) || !isNeeded(step, context)) continue;
      const start = observer === undefined ? 0 : performance.now();
      if (user === undefined) perform(step, context);
      else assuming(user, () => perform(step, context));
      observer?.done(step, start, performance.now());
    } catch (error) {
      // What is done as the parent says itself what it was.
      if (error instanceof ContainerError) throw error;
      throw stepFailure(failureOf(step, error));
    }
  }
}
