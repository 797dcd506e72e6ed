import { withoutEmptyPidsLimit } from "../oci/pids_limit.ts";
import type { Resources } from "../oci/spec.ts";
import { cgroupOf, configOf } from "./container.ts";
import { requireAlive } from "./running.ts";
import { changeRdtGroup, type RdtSchemata } from "./intel_rdt.ts";
import { limitedUser } from "./ordinary_user.ts";
import type { ContainerState } from "./state.ts";
import { updateScope } from "./systemd_scope.ts";

/**
 * Changes the limits of a container, only what is given. A failure leaves all as it was.
 *
 * @throws {ContainerError} WrongState for one that has ended, or for what is refused.
 */
export function updateContainer(
  state: ContainerState,
  given: Resources,
  schemata: RdtSchemata,
): void {
  const resources = withoutEmptyPidsLimit(given, state.record.ociVersion);
  requireAlive(state, "update");
  using undo = new DisposableStack();
  if (Object.keys(schemata).length > 0) changeClass(state, schemata, undo);
  cgroupOf(state.record).update(resources, undo);
  const { scope } = state.record;
  if (scope !== undefined) updateScope(scope, limitedUser(), resources);
  undo.move();
}

function changeClass(state: ContainerState, schemata: RdtSchemata, undo: DisposableStack): void {
  const { record } = state;
  // An earlier update may have made the class.
  const config = configOf(state).linux?.intelRdt ?? (record.resctrl ? {} : undefined);
  const made = changeRdtGroup(record.init!.pid, record.id, config, schemata, undo);
  if (made.length === 0) return;
  const noteFolders = (folders: string[] | undefined) => {
    record.resctrl = folders;
    state.save();
  };
  undo.defer(() => noteFolders(undefined));
  noteFolders(made);
}
