import type { Resources } from "./spec.ts";
import { parseVersion } from "./version.ts";

/**
 * Resources as a config of their version means them: before 1.3.0 a limit of processes could not be left out beside
 * others, and 0 was none, as engines still write it for one that is unlimited (config-linux.md, "PIDs").
 */
export function withoutEmptyPidsLimit(resources: Resources, ociVersion: string): Resources {
  const version = parseVersion(ociVersion);
  const isOld = version !== null && version.major === 1 && version.minor < 3;
  if (!isOld || resources.pids?.limit !== 0) return resources;
  const { pids: _, ...others } = resources;
  return others;
}
