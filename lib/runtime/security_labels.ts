import { ContainerError } from "../errors.ts";
import type { StepOf } from "../init/plan.ts";
import type { Process } from "../oci/spec.ts";

/** Which security modules the kernel has switched on. */
export interface SecurityModules {
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

/** The modules of this machine, each asked where it tells of itself. */
function securityModules(): SecurityModules {
  return {
    apparmor: read("/sys/module/apparmor/parameters/enabled").startsWith("Y"),
    selinux: read("/sys/fs/selinux/enforce") !== "",
  };
}

/**
 * The labels that the program gets from AppArmor and SELinux.
 *
 * @throws {ContainerError} Unsupported for one of a module that is not switched on: without it the
 * program would run unconfined.
 */
export function securityLabels(
  process: Process,
  modules: () => SecurityModules = securityModules,
): StepOf<"security label">[] {
  const steps: StepOf<"security label">[] = [];
  const { apparmorProfile, selinuxLabel } = process;
  if (apparmorProfile !== undefined) {
    require(modules().apparmor, "process.apparmorProfile", apparmorProfile, "AppArmor");
    steps.push({
      do: "security label",
      label: `have AppArmor confine the program by "${apparmorProfile}"`,
      file: "apparmor/exec",
      value: `exec ${apparmorProfile}`,
    });
  }
  if (selinuxLabel !== undefined) {
    require(modules().selinux, "process.selinuxLabel", selinuxLabel, "SELinux");
    steps.push({
      do: "security label",
      label: `have SELinux run the program as "${selinuxLabel}"`,
      file: "exec",
      value: selinuxLabel,
    });
  }
  return steps;
}

/** @throws {ContainerError} Unsupported when SELinux, whose mount label it is, is not switched on. */
export function checkMountLabel(
  label: string | undefined,
  modules: () => SecurityModules = securityModules,
): void {
  if (label !== undefined) require(modules().selinux, "linux.mountLabel", label, "SELinux");
}

function require(isOn: boolean, field: string, value: string, module: string): void {
  if (isOn) return;
  throw new ContainerError(
    `use ${field} ${JSON.stringify(value)}: ${module} is not switched on in this kernel`,
    {
      code: "Unsupported",
      hint: `Leave ${field} out, or boot with security=${module.toLowerCase()}`,
    },
  );
}

function read(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
