import { SIGNALS } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/file.ts";
import { poll, POLLIN } from "../../ffi/poll.ts";
import { pidfd_open, pidfd_send_signal } from "../../ffi/process.ts";
import { type Cgroup, openCgroup } from "../cgroup/cgroup.ts";
import { waitUntil } from "../cgroup/cgroupfs.ts";
import { signalMembers } from "../cgroup/processes.ts";
import { removeScope } from "../cgroup/systemd/remove.ts";
import { ContainerError } from "../errors.ts";
import type { Spec, State } from "../oci/spec.ts";
import { parseJSON } from "../json.ts";
import { runPoststopHooks } from "./hooks.ts";
import { membersOf } from "./members.ts";
import { removeRdtGroups } from "./intel_rdt.ts";
import { hasEnded, isAlive, isForeign, numberHere } from "./process_identity.ts";
import type { ContainerRecord, ContainerState } from "./state.ts";
import { detachRoot } from "./trees.ts";

/** Where a container is in its life (runtime.md, "State"). */
export function statusOf({ record }: ContainerState): State["status"] {
  if (record.init === undefined) return "creating";
  if (!isAlive(record.init) && !isElsewhere(record)) return "stopped";
  if (!record.started && !record.built) return "creating";
  if (cgroupOf(record).isFrozen()) return "paused";
  return record.started ? "running" : "created";
}

/**
 * Whether a container's first process lives in another pid namespace than it would be looked for in: those who share
 * the state folder need not share that one.
 */
function isElsewhere(record: ContainerRecord): boolean {
  const { init } = record;
  if (init === undefined || !isForeign(init)) return false;
  return numberHere(init) !== undefined || (!hasEnded(init) && cgroupOf(record).isPopulated());
}

/**
 * @param action what takes the container's processes, whose numbers are those of the pid namespace it was made in.
 * @throws {ContainerError} NotAllowed when that is another one than this process's.
 */
export function requireHere({ record }: ContainerState, action: string): void {
  if (!isElsewhere(record)) return;
  throw new ContainerError(`${action} container "${record.id}": it is in another pid namespace`, {
    code: "NotAllowed",
    hint: "Do that where it was made",
  });
}

/** The cgroup of a container, as its record has it. */
export function cgroupOf(
  record: { readonly cgroups: readonly string[]; readonly spared?: readonly string[] },
): Cgroup {
  return openCgroup(record.cgroups, record.spared);
}

/** The config that a container was made from. It was checked when the container was made. */
export function configOf({ record }: ContainerState): Spec {
  return parseJSON(Deno.readFileSync(record.config), { what: record.config }) as Spec;
}

/** Whether its first process is not the program yet, and waits for that; be it paused. */
export function waitsForStart({ record }: ContainerState): boolean {
  return record.built === true && !record.started && isAlive(record.init);
}

/**
 * Deletes a stopped container: its cgroup and its record, and runs the poststop hooks after that.
 *
 * @param force end it first when it runs.
 * @throws {ContainerError} when it is not stopped, unless forced.
 */
export function deleteContainer(state: ContainerState, force = false): void {
  const { record } = state;
  const status = statusOf(state);
  const cgroup = cgroupOf(record);
  const isAlone = status === "creating" && (record.init === undefined || !isAlive(record.init));
  if (status !== "stopped" && !isAlone) {
    if (!force) {
      throw new ContainerError(`delete container "${record.id}": it is ${status}, not stopped`, {
        code: "WrongState",
        hint: `End it first (kill ${record.id} KILL), or delete it by force (delete --force)`,
      });
    }
    requireHere(state, "delete");
    endContainer(state);
  }
  const spec = tryConfigOf(state);
  cgroup.kill();
  if (record.hostRoot !== undefined) detachRoot(record.hostRoot);
  removeRdtGroups(record.resctrl ?? []);
  cgroup.remove();
  if (record.scope !== undefined) removeScope(record.cgroups);
  state.remove();
  if (spec !== undefined) runPoststopHooks(spec, record);
}

/** Kills the first process, and with it all of its pid namespace, and waits until it is gone: it may not be our child. */
export function endContainer(state: ContainerState): void {
  const { record } = state;
  const { init } = record;
  if (init === undefined) return;
  try {
    using pidfd = new Fd(pidfd_open(init.pid));
    if (!isAlive(init)) return;
    const cgroup = cgroupOf(record);
    // Without a cgroup nobody would know later whose they were.
    if (record.cgroups.length === 0) signalMembers(() => membersOf(state), SIGNALS.SIGKILL);
    pidfd_send_signal(pidfd.number, SIGNALS.SIGKILL);
    if (cgroup.isFrozen()) cgroup.thaw();
    const PAUSE = 200;
    const hasEnded = () => {
      if (poll([{ fd: pidfd.number, events: POLLIN, revents: 0 }], PAUSE) > 0) return true;
      // It goes last of its pid namespace, of which some may stand in a cgroup that they have frozen themselves.
      cgroup.kill();
      return false;
    };
    const ENOUGH = 10_000;
    if (!waitUntil(hasEnded, ENOUGH)) {
      throw notEnding(record.id, [...new Set([init.pid, ...cgroup.pids()])]);
    }
  } catch (error) {
    if (!(error instanceof SysError && error.code === "ESRCH")) throw error;
  }
}

function notEnding(id: string, pids: readonly number[]): ContainerError {
  return new ContainerError(
    `end container "${id}": of its processes ${pids.join(", ")} are left after 10 s`,
    { hint: `One may hang in the kernel: ps -o pid,stat,wchan,args -p ${pids.join()}` },
  );
}

/** As {@link configOf}; undefined for a container that never came to have one. */
export function tryConfigOf(state: ContainerState): Spec | undefined {
  try {
    return configOf(state);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
