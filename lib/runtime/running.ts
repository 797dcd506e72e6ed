import { waitUntil } from "../cgroup/cgroupfs.ts";
import { ContainerError } from "../errors.ts";
import { statusOf } from "./container.ts";
import type { ContainerState } from "./state.ts";

/** @throws {ContainerError} WrongState for a container that has ended. */
export function requireAlive(state: ContainerState, action: string): void {
  if (statusOf(state) !== "stopped") return;
  throw new ContainerError(`${action} container "${state.record.id}": container is not running`, {
    code: "WrongState",
  });
}

/**
 * Does something with a container that runs. Where that fails as the container ends meanwhile, the error says so, and not
 * which part of it was missed first.
 *
 * @param action what is done to it, for the message.
 */
export function unlessEnded<T>(state: ContainerState, action: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const isSure = cause instanceof ContainerError &&
      !["Failed", "Unsupported"].includes(cause.code);
    // Its parts go one after another, the first process not first of all.
    const SOON = 100;
    if (isSure || !waitUntil(() => statusOf(state) === "stopped", SOON)) throw cause;
    throw new ContainerError(
      `${action} container "${state.record.id}": it has just ended, container not running`,
      { code: "WrongState", cause },
    );
  }
}
