import { readIfThere } from "../cgroupfs.ts";
import { counter, type OomReport } from "../oom.ts";

/** Reads the memory controller's files of cgroup v2; `memory.peak` is there since Linux 5.19. */
export function oomReport(folder: string): OomReport {
  const kills = counter(readIfThere(`${folder}/memory.events`), "oom_kill");
  const limit = readIfThere(`${folder}/memory.max`)?.trim();
  const peak = readIfThere(`${folder}/memory.peak`);
  return {
    kills,
    ...(limit && limit !== "max" ? { limit: BigInt(limit) } : {}),
    ...(peak ? { peak: BigInt(peak) } : {}),
  };
}
