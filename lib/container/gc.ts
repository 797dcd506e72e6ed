import { removeVeth, vethExists } from "../network/veth.ts";
import { cgroupOf, endContainer } from "../runtime/container.ts";
import { isAlive } from "../runtime/process_identity.ts";
import type { ContainerState, StateRoot } from "../runtime/state.ts";
import { removeContainerFolder } from "./folder.ts";

/**
 * Takes back what processes that were killed have left: for each container whose owner is gone, its
 * processes, cgroups, veth, folder (where it was to go) and at last its record, and with it the
 * address. The caller holds the state root's lock.
 *
 * @returns the ids of the containers taken back, and those that are there.
 */
export function collectGarbage(root: StateRoot): { collected: string[]; live: ContainerState[] } {
  const collected: string[] = [];
  const live: ContainerState[] = [];
  for (const id of root.tidy()) {
    const state = root.find(id);
    // A folder without a record: its maker was killed between the two, before anything else.
    if (state === undefined) {
      removeContainerFolder(`${root.path}/${id}`);
      continue;
    }
    if (state.record.owner === undefined || isAlive(state.record.owner)) {
      live.push(state);
      continue;
    }
    takeBack(state);
    collected.push(id);
  }
  return { collected, live };
}

function takeBack(state: ContainerState): void {
  const { cgroups, network, removeBundle, started, bundle } = state.record;
  endContainer(state);
  if (cgroups.length > 0) {
    const cgroup = cgroupOf(state.record);
    cgroup.kill();
    cgroup.remove();
  }
  // Usually it went with its network namespace.
  if (network !== undefined && vethExists(network.veth)) removeVeth(network.veth);
  if (removeBundle || !started) removeContainerFolder(bundle);
  state.remove();
}
