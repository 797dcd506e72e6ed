import { ContainerError } from "../errors.ts";
import type { Controller } from "./setting.ts";

/** The rdma controller, the same in both cgroup versions (cgroup-v2.rst, RDMA). */
export const rdma: Controller = {
  name: "rdma",
  part: "rdma",
  settings({ rdma = {} }) {
    return Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => {
      const bad = (why: string) =>
        new ContainerError(`set rdma of ${JSON.stringify(device)}: ${why}`, {
          code: "InvalidSpec",
        });
      if (!/^\S+$/.test(device)) throw bad("this is no device name");
      if (hcaHandles === undefined && hcaObjects === undefined) {
        throw bad("neither hcaHandles nor hcaObjects is given");
      }
      const handles = hcaHandles === undefined ? "" : ` hca_handle=${hcaHandles}`;
      const objects = hcaObjects === undefined ? "" : ` hca_object=${hcaObjects}`;
      return {
        field: "rdma",
        file: "rdma.max",
        value: device + handles + objects,
        reset: `${device} hca_handle=max hca_object=max`,
        refused: "ls /sys/class/infiniband shows the devices",
      };
    });
  },
};
