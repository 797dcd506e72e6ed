import { ContainerError } from "../../errors.ts";
import type { Controller } from "../setting.ts";

/** The net_prio controller, v1 only (Documentation/admin-guide/cgroup-v1/net_prio.rst). */
export const netPrio: Controller = {
  name: "net_prio",
  part: "network",
  settings({ network }) {
    return (network?.priorities ?? []).map(({ name, priority }) => {
      if (!/^[^\s/]{1,15}$/.test(name)) {
        throw new ContainerError(
          `set network.priorities: ${JSON.stringify(name)} is no interface name`,
          { code: "InvalidSpec" },
        );
      }
      return {
        field: "network.priorities",
        file: "net_prio.ifpriomap",
        value: `${name} ${priority}`,
        reset: `${name} 0`,
        refused: "The interface must be in the network namespace of this program",
      };
    });
  },
};
