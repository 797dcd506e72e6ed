import { errno, syscall, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
import { alloc } from "./struct.ts";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  prctl,
} from "./process.ts";

/** _LINUX_CAPABILITY_VERSION_3, what the header of capset(2) says. */
export const CAPABILITY_VERSION = 0x20080522;

/** A set of capabilities: bit n for capability n (include/uapi/linux/capability.h). */
export type CapabilityMask = bigint;

/** The capability without which hardly anything can be made or joined, as a mask. */
export const CAP_SYS_ADMIN: CapabilityMask = 1n << 21n;

/** The three sets of a thread that capset(2) writes. */
export interface CapabilitySets {
  effective: CapabilityMask;
  permitted: CapabilityMask;
  inheritable: CapabilityMask;
}

/** capset(2) for the calling thread. */
export function capset(sets: CapabilitySets): void {
  const header = alloc(8);
  new DataView(header.buffer).setUint32(0, CAPABILITY_VERSION, true);
  syscall("capset", "", header, capabilityData(sets));
}

/** The two structs __user_cap_data_struct of capset(2). */
export function capabilityData(sets: CapabilitySets): Uint8Array<ArrayBuffer> {
  const data = alloc(24);
  const view = new DataView(data.buffer);
  const order = [sets.effective, sets.permitted, sets.inheritable];
  order.forEach((mask, i) => {
    view.setUint32(i * 4, Number(mask & 0xffffffffn), true);
    view.setUint32(12 + i * 4, Number(mask >> 32n), true);
  });
  return data;
}

/** capget(2) of the calling thread. */
export function capget(): CapabilitySets {
  const header = alloc(8);
  new DataView(header.buffer).setUint32(0, CAPABILITY_VERSION, true);
  const data = alloc(24);
  syscall("capget", "", header, data);
  const view = new DataView(data.buffer);
  const mask = (i: number) =>
    BigInt(view.getUint32(i * 4, true)) | (BigInt(view.getUint32(12 + i * 4, true)) << 32n);
  return { effective: mask(0), permitted: mask(1), inheritable: mask(2) };
}

/** prctl(2) PR_CAPBSET_READ: whether the bounding set has a capability; undefined when the kernel does not know it. */
export function inBoundingSet(capability: number): boolean | undefined {
  const answer = trySyscall("prctl", PR_CAPBSET_READ, capability, 0, 0, 0);
  if (answer !== -1) return answer === 1;
  if (errnoName(errno()) === "EINVAL") return undefined;
  throw new SysError("prctl", errno(), `PR_CAPBSET_READ ${capability}`);
}

/** prctl(2) PR_CAPBSET_DROP for every capability that the mask lacks and the kernel knows. */
export function limitBoundingSet(keep: CapabilityMask): void {
  for (let capability = 0; capability < 64; capability++) {
    if ((keep >> BigInt(capability)) & 1n) continue;
    // The first unknown number is the end of the kernel's list.
    if (trySyscall("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0) === -1) {
      if (errnoName(errno()) === "EINVAL") return;
      throw new SysError("prctl", errno(), `PR_CAPBSET_DROP ${capability}`);
    }
  }
}

/** prctl(2) PR_CAP_AMBIENT: exactly these are ambient afterwards; each must be permitted and inheritable. */
export function setAmbient(mask: CapabilityMask): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (let capability = 0; capability < 64; capability++) {
    if ((mask >> BigInt(capability)) & 1n) {
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    }
  }
}
