import { inBoundingSet } from "../../ffi/capability.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import { DEFAULT_CAPABILITIES } from "../oci/defaults.ts";
import type { SecurityOptions } from "./options.ts";

/**
 * The capabilities of a container: the usual ones, less those dropped, and those added. As in docker, what
 * is both added and dropped is there, save when it is added by ALL.
 */
export function containerCapabilities(options: SecurityOptions): string[] {
  const { addedCapabilities: added, droppedCapabilities: dropped, privileged } = options;
  if (privileged || added.includes("ALL")) {
    return available().filter((name) => privileged || !dropped.includes(name));
  }
  const kept = dropped.includes("ALL")
    ? []
    : DEFAULT_CAPABILITIES.filter((name) => !dropped.includes(name));
  return [...new Set([...kept, ...added])];
}

/** All that this process could give: of others a warning would be all that comes. */
function available(): string[] {
  return Object.entries(CAPABILITIES).filter(([, number]) => inBoundingSet(number))
    .map(([name]) => name);
}
