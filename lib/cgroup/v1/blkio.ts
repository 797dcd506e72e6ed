import type { BlockIOResources, ThrottleDevice } from "../../oci/spec.ts";
import { checkWeightDevice } from "../weight.ts";
import type { Controller, Setting } from "../setting.ts";

/** The blkio controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/blkio-controller.rst). */
export const blkio: Controller = {
  name: "blkio",
  part: "blockIO",
  settings({ blockIO }) {
    return blockIO ? [...weights(blockIO), ...throttles(blockIO)] : [];
  },
};

const BFQ = "Weights need the BFQ scheduler: modprobe bfq, and choose it for the disk";
const LEAF = "Leaf weights went away with the CFQ scheduler in Linux 5.0";

function weights({ weight, leafWeight, weightDevice = [] }: BlockIOResources): Setting[] {
  const settings: Setting[] = [];
  if (weight) {
    settings.push({
      field: "blockIO.weight",
      file: ["blkio.weight", "blkio.bfq.weight"],
      value: `${weight}`,
      missing: BFQ,
    });
  }
  if (leafWeight) {
    const value = `${leafWeight}`;
    settings.push({ field: "blockIO.leafWeight", file: "blkio.leaf_weight", value, missing: LEAF });
  }
  for (const device of weightDevice) {
    checkWeightDevice(device);
    const numbers = `${device.major}:${device.minor}`;
    if (device.weight) {
      settings.push({
        field: "blockIO.weightDevice",
        file: ["blkio.weight_device", "blkio.bfq.weight_device"],
        value: `${numbers} ${device.weight}`,
        reset: `${numbers} 0`,
        missing: BFQ,
      });
    }
    if (device.leafWeight) {
      settings.push({
        field: "blockIO.weightDevice",
        file: "blkio.leaf_weight_device",
        value: `${numbers} ${device.leafWeight}`,
        reset: `${numbers} 0`,
        missing: LEAF,
      });
    }
  }
  return settings;
}

function throttles(blockIO: BlockIOResources): Setting[] {
  const list = (devices: ThrottleDevice[] | undefined, field: string, file: string) =>
    (devices ?? []).map(({ major, minor, rate }): Setting => ({
      field: `blockIO.${field}`,
      file: `blkio.throttle.${file}_device`,
      value: `${major}:${minor} ${rate}`,
      reset: `${major}:${minor} 0`,
      refused: "The numbers are those of a whole disk, see lsblk",
    }));
  return [
    ...list(blockIO.throttleReadBpsDevice, "throttleReadBpsDevice", "read_bps"),
    ...list(blockIO.throttleWriteBpsDevice, "throttleWriteBpsDevice", "write_bps"),
    ...list(blockIO.throttleReadIOPSDevice, "throttleReadIOPSDevice", "read_iops"),
    ...list(blockIO.throttleWriteIOPSDevice, "throttleWriteIOPSDevice", "write_iops"),
  ];
}
