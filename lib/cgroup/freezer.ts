import { ContainerError } from "../errors.ts";
import { unlessGone, waitUntil } from "./cgroupfs.ts";
import { walkTree } from "./tree.ts";

/** Stops all processes of a cgroup where they are, and lets them go on. */
export interface Freezer {
  /** Starts to freeze; the kernel stops one process after another. */
  freeze(folder: string): void;
  /** Lets the processes go on, but for those of cgroups below that are frozen themselves. */
  thaw(folder: string, dirfd?: number): void;
  /** Whether freezing was asked for and all processes stand still. */
  isFrozen(folder: string): boolean;
}

/** Milliseconds within which processes have to stand still. */
const TIMEOUT = 5000;

/**
 * Freezes a cgroup and waits until all of it stands still.
 *
 * @throws {ContainerError} Failed when that takes more than 5 seconds; it is thawed again then.
 */
export function freezeWhole(freezer: Freezer, folder: string): void {
  freezer.freeze(folder);
  if (waitUntil(() => freezer.isFrozen(folder), TIMEOUT)) return;
  freezer.thaw(folder);
  throw new ContainerError(
    `freeze the cgroup ${JSON.stringify(folder)}: its processes do not stand still`,
    { hint: "One of them may hang in the kernel: look for state D in ps axo pid,stat,wchan,comm" },
  );
}

/** Thaws a cgroup and all below it, which whoever lives there may have frozen. Nothing happens when it is gone. */
export function thawTree(freezer: Freezer, folder: string): void {
  walkTree(folder, { enter: (dirfd) => unlessGone(() => freezer.thaw(".", dirfd)) });
}
