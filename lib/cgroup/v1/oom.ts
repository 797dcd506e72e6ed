import { readIfThere } from "../cgroupfs.ts";
import { counter, type OomReport } from "../oom.ts";
import { UNLIMITED } from "./memory.ts";

/** Reads the memory controller's files of cgroup v1; `oom_kill` is counted since Linux 4.13. */
export function oomReport(folder: string): OomReport {
  const kills = counter(readIfThere(`${folder}/memory.oom_control`), "oom_kill");
  const limit = readIfThere(`${folder}/memory.limit_in_bytes`);
  const peak = readIfThere(`${folder}/memory.max_usage_in_bytes`);
  return {
    kills,
    ...(limit && BigInt(limit) < UNLIMITED ? { limit: BigInt(limit) } : {}),
    ...(peak ? { peak: BigInt(peak) } : {}),
  };
}
