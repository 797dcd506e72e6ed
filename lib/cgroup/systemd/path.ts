import { ContainerError } from "../../errors.ts";
import { SYSTEM_MANAGER, type SystemdManager } from "./manager.ts";

/** Where systemd puts the processes of a container: a scope in a slice (systemd.scope(5), systemd.slice(5)). */
export interface ScopePath {
  /** Whose unit it is. */
  readonly manager: SystemdManager;
  readonly slice: string;
  /** The unit's name. */
  readonly scope: string;
  /** The scope's cgroup, from the hierarchy's root. */
  readonly path: string;
}

/**
 * Reads `linux.cgroupsPath` in the form that engines give it with `--systemd-cgroup`: `SLICE:PREFIX:NAME`.
 *
 * @param id the container's, for what the path leaves open.
 * @param manager whose unit it becomes.
 * @throws {ContainerError} InvalidSpec for another form, or what is no unit's name.
 */
export function scopePath(
  cgroupsPath: string | undefined,
  id: string,
  manager: SystemdManager = SYSTEM_MANAGER,
): ScopePath {
  const usual = manager.uid === 0 ? "system.slice" : "user.slice";
  const [slice = "", prefix = "", name = "", ...more] = (cgroupsPath ?? `:gocontainer:${id}`)
    .split(":");
  const scope = name.endsWith(".slice") || name.endsWith(".scope")
    ? name
    : prefix === ""
    ? `${name}.scope`
    : `${prefix}-${name}.scope`;
  if (more.length > 0 || name === "" || !UNIT.test(scope)) {
    throw refused(cgroupsPath, "it is not SLICE:PREFIX:NAME");
  }
  const chosen = slice === "" ? usual : slice;
  const path = `${manager.cgroup}${slicePath(chosen, cgroupsPath)}/${scope}`;
  return { manager, slice: chosen, scope, path };
}

/** What systemd takes for the name of a unit (systemd.unit(5)). */
const UNIT = /^[A-Za-z0-9:_.\\@-]{1,250}$/;

/** The slices that a slice is in are in its name: `a-b.slice` is below `a.slice`; `-.slice` is the root. */
function slicePath(slice: string, cgroupsPath: string | undefined): string {
  if (slice === "-.slice") return "";
  const parts = slice.slice(0, -".slice".length).split("-");
  if (!slice.endsWith(".slice") || !UNIT.test(slice) || parts.includes("")) {
    throw refused(cgroupsPath, `${JSON.stringify(slice)} is no slice`);
  }
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("-")}.slice`).join("");
}

function refused(cgroupsPath: string | undefined, why: string): ContainerError {
  return new ContainerError(`use linux.cgroupsPath ${JSON.stringify(cgroupsPath)}: ${why}`, {
    code: "InvalidSpec",
    hint: "With --systemd-cgroup it is such as machine.slice:gocontainer:NAME",
  });
}
