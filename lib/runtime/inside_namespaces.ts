import { AT_FDCWD, CLONE_NEWCGROUP, O_DIRECTORY, O_PATH, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat, umask } from "../../ffi/file.ts";
import { setns, unshare } from "../../ffi/namespace.ts";
import { chroot, fchdir } from "../../ffi/process.ts";
import type { InitContext } from "../init/context.ts";
import type { CredentialsStep, Plan, Step } from "../init/plan.ts";
import { failureOf, perform } from "../init/runner.ts";
import { NAMESPACES } from "../oci/namespaces.ts";
import type { NamespaceType } from "../oci/spec.ts";
import { reasonOf } from "../errors.ts";
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
  readonly #back = new DisposableStack();

  /** Makes the new namespaces and joins the others. Those of pids are for this process's children only. */
  constructor({ clone, join }: Pick<NamespaceChoice, "clone" | "join">) {
    using undo = new DisposableStack();
    const folder = undo.use(new Fd(openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY)));
    const root = undo.use(new Fd(openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY)));
    const namespaces = LEFT.map((type) => {
      const { file, flag } = NAMESPACES[type];
      return { flag, fd: undo.use(new Fd(openat(AT_FDCWD, `/proc/self/ns/${file}`, O_RDONLY))) };
    });
    const mask = umask(0);
    undo.defer(() => {
      try {
        for (const { fd, flag } of namespaces) setns(fd.number, flag);
        fchdir(root.number);
        chroot(".");
        fchdir(folder.number);
        umask(mask);
      } catch (error) {
        // Whatever would be undone in there would be undone in the wrong place.
        tell(`gocontainer: leave the container's namespaces: ${reasonOf(error)}`);
        Deno.exit(125);
      }
    });
    if (clone !== 0) unshare(clone);
    for (const { fd, flag } of join) setns(fd, flag);
    this.#back = undo.move();
  }

  /** Joins the cgroup namespace of the first process, which that has made where its cgroup begins. */
  joinCgroups(pidfd: number): void {
    setns(pidfd, CLONE_NEWCGROUP);
  }

  [Symbol.dispose](): void {
    this.#back.dispose();
  }
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
      if (!isMine(step)) continue;
      const start = observer === undefined ? 0 : performance.now();
      if (user === undefined) perform(step, context);
      else assuming(user, () => perform(step, context));
      observer?.done(step, start, performance.now());
    } catch (error) {
      throw stepFailure(failureOf(step, error));
    }
  }
}
