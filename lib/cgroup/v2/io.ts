import type { BlockIOResources, ThrottleDevice } from "../../oci/spec.ts";
import type { Controller, Current, Impossible, Setting } from "../setting.ts";
import { checkWeightDevice, ioWeightOfBlkioWeight } from "../weight.ts";

/** The io controller of cgroup v2 (cgroup-v2.rst, IO). */
export const io: Controller = {
  name: "io",
  part: "blockIO",
  settings({ blockIO }, current) {
    if (!blockIO) return [];
    return [...weights(blockIO, current), ...throttles(blockIO)];
  },
};

const MISSING = "Weights need CONFIG_BLK_CGROUP_IOCOST or the BFQ scheduler: modprobe bfq";
const NO_LEAVES = "cgroup v2 has no leaf weights";

function weights(
  { weight, leafWeight, weightDevice = [] }: BlockIOResources,
  current: Current,
): (Setting | Impossible)[] {
  if (!weight && !leafWeight && weightDevice.length === 0) return [];
  // BFQ has a file of its own, with the scale of v1.
  const bfq = current("io.bfq.weight") !== undefined;
  const file = bfq ? "io.bfq.weight" : "io.weight";
  const scale = (weight: number) => bfq ? weight : ioWeightOfBlkioWeight(weight);
  const refused = "A weight is a number from 10 to 1000";
  const settings: (Setting | Impossible)[] = [];
  if (weight) {
    settings.push({
      field: "blockIO.weight",
      file,
      value: `default ${scale(weight)}`,
      reset: "default 100",
      missing: MISSING,
      refused,
    });
  }
  if (leafWeight) settings.push({ field: "blockIO.leafWeight", impossible: NO_LEAVES });
  for (const device of weightDevice) {
    checkWeightDevice(device);
    const field = "blockIO.weightDevice";
    const numbers = `${device.major}:${device.minor}`;
    if (device.weight) {
      settings.push({
        field,
        file,
        value: `${numbers} ${scale(device.weight)}`,
        reset: `${numbers} default`,
        missing: MISSING,
        refused: "The numbers are those of a whole disk, see lsblk; " + refused,
      });
    }
    if (device.leafWeight) settings.push({ field, impossible: NO_LEAVES });
  }
  return settings;
}

function throttles(blockIO: BlockIOResources): Setting[] {
  const list = (devices: ThrottleDevice[] | undefined, field: string, key: string) =>
    (devices ?? []).map(({ major, minor, rate }): Setting => ({
      field: `blockIO.${field}`,
      file: "io.max",
      value: `${major}:${minor} ${key}=${BigInt(rate) <= 0n ? "max" : rate}`,
      reset: `${major}:${minor} rbps=max wbps=max riops=max wiops=max`,
      refused: "The numbers are those of a whole disk, see lsblk",
    }));
  return [
    ...list(blockIO.throttleReadBpsDevice, "throttleReadBpsDevice", "rbps"),
    ...list(blockIO.throttleWriteBpsDevice, "throttleWriteBpsDevice", "wbps"),
    ...list(blockIO.throttleReadIOPSDevice, "throttleReadIOPSDevice", "riops"),
    ...list(blockIO.throttleWriteIOPSDevice, "throttleWriteIOPSDevice", "wiops"),
  ];
}
