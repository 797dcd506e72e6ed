import { LAUNCHES_INTO_CGROUPS } from "../../ffi/launch.ts";
import { canBeLaunched } from "./launched_process.ts";
import { namespaceFlags } from "./namespaces.ts";
import type { SpawnOptions } from "./spawn.ts";

/** The calls by which the first process is made, in words for -explain and -trace. */
export function firstProcessCall(spawning: SpawnOptions): string {
  const { namespaces: { clone }, cgroup } = spawning;
  const born = cgroup === undefined ? [] : ["CLONE_INTO_CGROUP"];
  if (!canBeLaunched(spawning)) return `clone3(${[namespaceFlags(clone), ...born].join(" | ")})`;
  return LAUNCHES_INTO_CGROUPS
    ? `clone3(${["CLONE_VM", "CLONE_VFORK", ...born].join(" | ")}); execveat(launcher)`
    : "posix_spawn(launcher)";
}
