import { cpusetSettings } from "../cpuset.ts";
import type { Controller } from "../setting.ts";

/** The cpuset controller of cgroup v1, cpuset(7). */
export const cpuset: Controller = {
  name: "cpuset",
  part: "cpu",
  settings: ({ cpu }) => cpusetSettings(cpu),
};
