import { ContainerError } from "../errors.ts";
import type { WeightDevice } from "../oci/spec.ts";

/**
 * CPU shares of cgroup v1 (2 to 262144, 1024 is the default) as a `cpu.weight` of v2 (1 to 10000,
 * 100 is the default). The curve meets the two ends and the defaults, which a straight line does
 * not: that made 39 of 1024, and a container lost against its host's own services.
 */
export function weightOfShares(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  const weight = 10 ** ((l * l + 125 * l) / 612 - 7 / 34);
  // The curve meets 100 at 1024 only up to rounding, which must not lift it to 101.
  return Math.ceil(weight - 1e-9);
}

/** What to do when the kernel refuses shares, or the weight that they are. */
export const IDLE_HAS_NO_SHARES = "An idle cgroup takes no shares: set cpu.idle to 0 with them";

/** A block I/O weight of cgroup v1 (10 to 1000) as an `io.weight` of v2 (1 to 10000). */
export function ioWeightOfBlkioWeight(weight: number): number {
  return 1 + Math.floor((weight - 10) * 9999 / 990);
}

/**
 * Holds an entry of `blockIO.weightDevice` against config-linux.md.
 *
 * @throws {ContainerError} InvalidSpec when neither weight is there.
 */
export function checkWeightDevice(device: WeightDevice): void {
  if (device.weight !== undefined || device.leafWeight !== undefined) return;
  throw new ContainerError(
    `set blockIO.weightDevice of ${device.major}:${device.minor}: neither weight nor leafWeight is given`,
    { code: "InvalidSpec" },
  );
}
