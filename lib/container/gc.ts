import { hintOf, reasonOf } from "../errors.ts";
import { removeVeth } from "../network/veth.ts";
import { cgroupOf, deleteContainer, endContainer } from "../runtime/container.ts";
import { hasEnded } from "../runtime/process_identity.ts";
import type { ContainerState, StateRoot } from "../runtime/state.ts";
import { warn } from "../trace.ts";
import { removeContainerFolder } from "./folder.ts";

/** What {@link collectGarbage} has found. */
export interface Garbage {
  /** The ids of the containers taken back. */
  readonly collected: readonly string[];
  /** Why others could not be. */
  readonly failures: readonly unknown[];
  /** The containers that are there, those that could not be taken back among them: they have what they had. */
  readonly live: readonly ContainerState[];
}

/**
 * Takes back what processes that were killed have left: for each container whose owner is gone, its
 * processes, cgroups, veth, folder (where it was to go) and at last its record, and with it the
 * address. What cannot be taken back stays for the next time. The caller holds the state root's lock.
 */
export function collectGarbage(root: StateRoot): Garbage {
  const collected: string[] = [];
  const failures: unknown[] = [];
  const live: ContainerState[] = [];
  const dead: ContainerState[] = [];
  for (const id of root.tidy()) {
    try {
      const state = root.find(id);
      // A folder without a record: its maker was killed between the two, before anything else.
      if (state === undefined) removeContainerFolder(`${root.path}/${id}`);
      else if (isOwned(state)) live.push(state);
      else dead.push(state);
    } catch (error) {
      failures.push(error);
    }
  }
  for (const state of dead) {
    try {
      takeBack(state, live);
      collected.push(state.record.id);
    } catch (error) {
      failures.push(error);
      live.push(state);
    }
  }
  return { collected, failures, live };
}

/** Warns of what could not be taken back: it is not in the way of anything else. */
export function tellFailures(failures: readonly unknown[]): void {
  for (const failure of failures) {
    const hint = hintOf(failure);
    warn(hint === undefined ? reasonOf(failure) : `${reasonOf(failure)} (${hint})`);
  }
}

/** Whether whoever follows it may be there, where anybody does. */
function isOwned({ record: { owner } }: ContainerState): boolean {
  return owner === undefined || !hasEnded(owner);
}

function takeBack(state: ContainerState, live: readonly ContainerState[]): void {
  const { cgroups, network, removeBundle, started, bundle } = state.record;
  // The runtime's `run`: nothing of it but the bundle, which is the user's, was there before.
  if (removeBundle === undefined) return deleteContainer(state, true);
  endContainer(state);
  if (cgroups.length > 0) {
    const cgroup = cgroupOf(state.record);
    cgroup.kill();
    cgroup.remove();
  }
  // Usually it went with its network namespace. Another one who has joined that still needs it.
  if (network !== undefined && !isUsed(network.veth, live)) removeVeth(network.veth);
  if (removeBundle || !started) removeContainerFolder(bundle);
  state.remove();
}

function isUsed(veth: string, live: readonly ContainerState[]): boolean {
  return live.some(({ record }) => record.network?.veth === veth);
}
