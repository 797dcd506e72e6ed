import { capget, inBoundingSet } from "../../ffi/capability.ts";
import type { CapabilityMasks } from "../init/plan.ts";
import { CAPABILITIES, isCapability } from "../oci/capabilities.ts";
import type { Capabilities } from "../oci/spec.ts";

/** What can be granted: the two sets that every grant comes out of. */
export interface Grantable {
  readonly permitted: bigint;
  readonly bounding: bigint;
}

/** The five sets as far as they can be granted, and a sentence about what cannot. */
export interface GrantedCapabilities {
  readonly masks: CapabilityMasks;
  readonly warning?: string;
}

/**
 * What this process can grant of the capabilities that a config asks for. A new user namespace has them
 * all, as far as the kernel knows them.
 */
export function grantable(wanted: Capabilities = {}, inUserNamespace: boolean): Grantable {
  let known = 0n;
  let bounding = 0n;
  for (const number of bitsOf(Object.values(wanted).reduce((all, set) => all | maskOf(set), 0n))) {
    const has = inBoundingSet(number);
    if (has !== undefined) known |= 1n << BigInt(number);
    if (has) bounding |= 1n << BigInt(number);
  }
  if (inUserNamespace) return { permitted: known, bounding: known };
  return { permitted: capget().permitted, bounding };
}

/**
 * Cuts the sets of a config down to what can be granted (config.md, "Linux Process": what cannot be granted
 * is a warning, not an error). Without any sets there is nothing to grant, and nothing is kept.
 */
export function grantCapabilities(wanted: Capabilities = {}, can: Grantable): GrantedCapabilities {
  const bounding = maskOf(wanted.bounding) & can.bounding;
  const permitted = maskOf(wanted.permitted) & can.permitted;
  const effective = maskOf(wanted.effective) & permitted;
  // capset(2) takes what was permitted and what stays bounding.
  const inheritable = maskOf(wanted.inheritable) & can.permitted & can.bounding;
  // Only what is permitted and inheritable can be ambient (capabilities(7)).
  const ambient = maskOf(wanted.ambient) & permitted & inheritable;
  const masks: CapabilityMasks = { bounding, permitted, effective, inheritable, ambient };
  const missing: string[] = [];
  for (const set of ["bounding", "permitted", "effective", "inheritable", "ambient"] as const) {
    const names = namesOf(maskOf(wanted[set]) & ~masks[set]);
    if (names.length > 0) missing.push(`${set} ${names.join(", ")}`);
  }
  if (missing.length === 0) return { masks };
  return {
    masks,
    warning: `process.capabilities: not granted, as they are not to be had here: ${
      missing.join("; ")
    }`,
  };
}

function maskOf(names: readonly string[] = []): bigint {
  let mask = 0n;
  for (const name of names) if (isCapability(name)) mask |= 1n << BigInt(CAPABILITIES[name]);
  return mask;
}

function namesOf(mask: bigint): string[] {
  if (mask === 0n) return [];
  return Object.entries(CAPABILITIES).filter(([, bit]) => (mask >> BigInt(bit)) & 1n)
    .map(([name]) => name);
}

function bitsOf(mask: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; mask >> BigInt(bit) > 0n; bit++) if ((mask >> BigInt(bit)) & 1n) bits.push(bit);
  return bits;
}
