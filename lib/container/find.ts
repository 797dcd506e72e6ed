import { ContainerError } from "../errors.ts";
import { isAlive } from "../runtime/process_identity.ts";
import type { ContainerState } from "../runtime/state.ts";

/**
 * The live container that a user means: by id, by name, or by the beginning of an id that no other
 * one shares.
 *
 * @throws {ContainerError} when there is none, or more than one.
 */
export function findContainer(live: readonly ContainerState[], wanted: string): ContainerState {
  const running = live.filter(({ record }) => isAlive(record.init));
  const exact = running.find(({ record }) => record.id === wanted || record.name === wanted);
  if (exact !== undefined) return exact;
  const matches = wanted === "" ? [] : running.filter(({ record }) => record.id.startsWith(wanted));
  if (matches.length === 1) return matches[0];
  if (matches.length > 1) {
    throw new ContainerError(`find container "${wanted}": ${matches.length} ids begin so`, {
      code: "InvalidArgument",
      hint: "Give more of the id, or the name",
    });
  }
  const names = running.map(({ record }) => record.name);
  throw new ContainerError(`find container "${wanted}": no such container is running`, {
    code: "NotFound",
    hint: names.length > 0 ? `Running: ${names.join(", ")}` : "No container is running",
  });
}
