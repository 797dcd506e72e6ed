import type { CpuResources } from "../oci/spec.ts";
import type { Setting } from "./setting.ts";

/** CPUs and memory nodes: the files of both cgroup versions have the same names and list format. */
export function cpusetSettings(cpu: CpuResources | undefined): Setting[] {
  const settings: Setting[] = [];
  if (cpu?.cpus) {
    settings.push({
      field: "cpu.cpus",
      file: "cpuset.cpus",
      value: cpu.cpus,
      refused: 'It is a list such as "0-2,7" of CPUs that the parent cgroup has',
    });
  }
  if (cpu?.mems) {
    settings.push({
      field: "cpu.mems",
      file: "cpuset.mems",
      value: cpu.mems,
      refused: 'It is a list such as "0-1" of memory nodes that the parent cgroup has',
    });
  }
  return settings;
}
