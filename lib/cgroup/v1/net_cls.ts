import type { Controller } from "../setting.ts";

/** The net_cls controller, v1 only (Documentation/admin-guide/cgroup-v1/net_cls.rst). */
export const netCls: Controller = {
  name: "net_cls",
  part: "network",
  settings({ network }) {
    if (network?.classID === undefined) return [];
    const value = `${network.classID}`;
    return [{ field: "network.classID", file: "net_cls.classid", value }];
  },
};
