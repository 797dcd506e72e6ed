import { ContainerError } from "../errors.ts";
import { isAlive } from "./process_identity.ts";
import { type ContainerState, DEFAULT_STATE_ROOT, type StateRoot } from "./state.ts";

/**
 * The container of an id, or else the live one of that name; undefined when there is none.
 *
 * @throws {ContainerError} Damaged when its record is none.
 */
export function tryGetContainer(root: StateRoot, id: string): ContainerState | undefined {
  return root.find(id) ??
    root.containers().find(({ record }) => record.name === id && isAlive(record.init));
}

/**
 * As {@link tryGetContainer}.
 *
 * @throws {ContainerError} when there is none.
 */
export function getContainer(root: StateRoot, id: string): ContainerState {
  const state = tryGetContainer(root, id);
  if (state !== undefined) return state;
  throw new ContainerError(`find container "${id}": container does not exist`, {
    code: "NotFound",
    hint: `Containers are listed by: gocontainer ${
      root.path === DEFAULT_STATE_ROOT ? "" : `--root ${root.path} `
    }list`,
  });
}
