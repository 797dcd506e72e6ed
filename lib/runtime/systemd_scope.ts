import { SIGNALS } from "../../ffi/constants.ts";
import { Fd, readFile } from "../../ffi/file.ts";
import { poll } from "../../ffi/poll.ts";
import { clone3, pidfd_send_signal, PR_SET_PDEATHSIG, prctl, waitid } from "../../ffi/process.ts";
import { readIfThere, waitUntil } from "../cgroup/cgroupfs.ts";
import { detectCgroups } from "../cgroup/detect.ts";
import { annotatedProperties } from "../cgroup/systemd/annotations.ts";
import {
  setScopeLimits,
  startScope,
  SYSTEM_MANAGER,
  type Systemd,
  type SystemdManager,
} from "../cgroup/systemd/manager.ts";
import type { ScopePath } from "../cgroup/systemd/path.ts";
import { scopeProperties } from "../cgroup/systemd/properties.ts";
import { ContainerError } from "../errors.ts";
import type { Resources, Spec } from "../oci/spec.ts";
import { step } from "../trace.ts";

/** The container's own cgroup below the scope: systemd does not look there, so its limits stay as they are. */
const OWN = "container";

/**
 * The systemd that makes the scope of a container: that of the machine, or of a user his own.
 *
 * @param user the user's number on the host; undefined for root.
 * @param cgroups the text of proc(5)'s /proc/self/cgroup.
 * @throws {ContainerError} Unsupported where the user's has no say over the process that is about to be made.
 */
export function managerFor(
  user: number | undefined,
  cgroups: string = readFile("/proc/self/cgroup"),
): SystemdManager {
  if (user === undefined) return SYSTEM_MANAGER;
  const [, cgroup] = new RegExp(`^0::(/.*/user@${user}\\.service)(?:/|$)`, "m").exec(cgroups) ?? [];
  if (cgroup === undefined || detectCgroups().kind !== "v2") {
    throw new ContainerError(
      `have systemd make the cgroup: this process is not below user@${user}.service on cgroup v2, and only ` +
        "there user processes may be moved",
      {
        code: "Unsupported",
        hint: "Run it by systemd-run --user --scope, or leave out --systemd-cgroup",
      },
    );
  }
  return { ...systemdOf(user), cgroup };
}

function systemdOf(user: number): Systemd {
  const folder = Deno.env.get("XDG_RUNTIME_DIR") ?? `/run/user/${user}`;
  return { socket: `${folder}/systemd/private`, uid: user };
}

/** The path of the container's cgroup in a scope. */
export function pathInScope({ path }: ScopePath): string {
  return `${path}/${OWN}`;
}

/** A process that keeps a scope alive until the container's own is in it; disposing of it ends it. */
export interface ScopeHolder extends Disposable {
  readonly pid: number;
}

/**
 * Has systemd make the scope of a container. A scope needs a process, and the container's first one is made
 * only when its cgroup is ready: so another one stands in for it.
 *
 * @throws {ContainerError} with what systemd has against it.
 */
export function makeScope(scope: ScopePath, id: string, spec: Spec): ScopeHolder {
  const { manager } = scope;
  const properties = [
    ...scopeProperties(spec.linux?.resources ?? {}),
    ...annotatedProperties(spec.annotations),
  ];
  const systemctl = manager.uid === 0 ? "systemctl" : "systemctl --user";
  return step(() => ({
    label: `have systemd make the scope "${scope.scope}"`,
    call: `StartTransientUnit of org.freedesktop.systemd1.Manager, over ${manager.socket}`,
    check: `${systemctl} status ${scope.scope}`,
  }), () => {
    using holder = new DisposableStack();
    const pid = hold(holder);
    startScope(scope, pid, `gocontainer container ${id}`, properties);
    const arrived = () =>
      (readIfThere(`/proc/${pid}/cgroup`) ?? "").split("\n").some((line) =>
        line.endsWith(scope.path)
      );
    const ENOUGH = 10_000;
    if (!waitUntil(arrived, ENOUGH)) {
      throw new ContainerError(`have systemd make the scope "${scope.scope}": it has not in 10 s`, {
        hint: `See ${systemctl} status ${scope.scope}`,
      });
    }
    const kept = holder.move();
    return { pid, [Symbol.dispose]: () => kept.dispose() };
  });
}

/**
 * Changes what of the limits the scope itself has to have.
 *
 * @param user the user's number on the host whose systemd made it; undefined for that of the machine.
 * @throws {ContainerError} with what systemd has against it.
 */
export function updateScope(scope: string, user: number | undefined, resources: Resources): void {
  const limits = scopeProperties(resources);
  if (limits.length === 0) return;
  setScopeLimits(user === undefined ? SYSTEM_MANAGER : systemdOf(user), scope, limits);
}

function hold(undo: DisposableStack): number {
  const { pid, pidfd } = clone3();
  if (pid === 0) {
    prctl(PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
    for (;;) poll([]);
  }
  const holder = undo.use(new Fd(pidfd));
  undo.defer(() => {
    pidfd_send_signal(holder.number, SIGNALS.SIGKILL);
    waitid(pid);
  });
  return pid;
}
