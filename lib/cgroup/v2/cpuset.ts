import { cpusetSettings } from "../cpuset.ts";
import type { Controller } from "../setting.ts";

/** The cpuset controller of cgroup v2 (cgroup-v2.rst, Cpuset). */
export const cpuset: Controller = {
  name: "cpuset",
  part: "cpu",
  settings: ({ cpu }) => cpusetSettings(cpu),
};
