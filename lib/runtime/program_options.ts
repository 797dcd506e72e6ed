import { KEEP_GROUPS } from "../oci/annotations.ts";
import type { Process, Spec } from "../oci/spec.ts";
import { warn } from "../trace.ts";
import { grantable, grantCapabilities } from "./capabilities.ts";
import type { ProgramOptions } from "./plan/program.ts";
import type { ContainerFilter } from "./seccomp.ts";
import { securityLabels } from "./security_labels.ts";

/**
 * Works out what of a process depends on this machine; warns of capabilities that it cannot have.
 *
 * @throws {ContainerError} Unsupported for a label of a security module that is off.
 */
export function programOptions(
  process: Process | undefined,
  { annotations }: Pick<Spec, "annotations">,
  inUserNamespace: boolean,
  seccomp?: ContainerFilter,
): ProgramOptions {
  const wanted = process?.capabilities;
  const can = grantable(wanted, inUserNamespace);
  const { masks, warnings } = grantCapabilities(wanted, can, (process?.user?.uid ?? 0) === 0);
  warnings.forEach(warn);
  return {
    capabilities: masks,
    labels: process === undefined ? [] : securityLabels(process),
    ...(seccomp ? { seccomp } : {}),
    // For files of groups that a user namespace does not map.
    keepsGroups: annotations?.[KEEP_GROUPS] === "1",
  };
}
