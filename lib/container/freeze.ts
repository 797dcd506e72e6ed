import { atEndOfThisProcess } from "./end_watch.ts";

/** Processes that stand still together: a cgroup's, or those of a process group. */
export interface Freezable {
  /** Whether all of it stands still. */
  isFrozen(): boolean;
  /**
   * Has all of it stand still.
   *
   * @throws {ContainerError} where it does not.
   */
  freeze(): void;
  /** Has it go on. */
  thaw(): void;
}

/**
 * Freezes processes until it is disposed of, or this process has ended, however that happens. Undefined where they
 * are frozen already, which is somebody else's.
 *
 * @throws {ContainerError} as {@link Freezable.freeze} does.
 */
export function keepFrozen(processes: Freezable): Disposable | undefined {
  if (processes.isFrozen()) return undefined;
  using undo = new DisposableStack();
  undo.use(atEndOfThisProcess(() => processes.thaw()));
  processes.freeze();
  undo.defer(() => processes.thaw());
  return undo.move();
}
