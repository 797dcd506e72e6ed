import type { Controller } from "./setting.ts";

/**
 * The pids controller, the same in both cgroup versions (cgroup-v2.rst, PID). A limit of 0 is
 * honoured; a negative one means unlimited.
 */
export const pids: Controller = {
  name: "pids",
  part: "pids",
  settings({ pids }) {
    if (pids?.limit === undefined) return [];
    const value = pids.limit < 0 ? "max" : `${pids.limit}`;
    return [{ field: "pids.limit", file: "pids.max", value }];
  },
};
