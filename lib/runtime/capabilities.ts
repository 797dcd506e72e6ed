import { inBoundingSet } from "../../ffi/capability.ts";
import type { CapabilityMasks } from "../init/plan.ts";
import { CAPABILITIES, isCapability } from "../oci/capabilities.ts";
import type { Capabilities } from "../oci/spec.ts";
import { ownStatus } from "./own_status.ts";

/** What can be granted: the two sets that every grant comes out of. */
export interface Grantable {
  readonly permitted: bigint;
  readonly bounding: bigint;
}

/** The five sets as far as they can be granted, and sentences about what cannot. */
export interface GrantedCapabilities {
  readonly masks: CapabilityMasks;
  readonly warnings: readonly string[];
}

/**
 * What this process can grant of the capabilities that a config asks for. A new user namespace has them
 * all, as far as the kernel knows them.
 */
export function grantable(wanted: Capabilities = {}, inUserNamespace: boolean): Grantable {
  if (!inUserNamespace) return ownStatus();
  let known = 0n;
  for (const number of bitsOf(Object.values(wanted).reduce((all, set) => all | maskOf(set), 0n))) {
    if (inBoundingSet(number) !== undefined) known |= 1n << BigInt(number);
  }
  return { permitted: known, bounding: known };
}

/**
 * Cuts the sets of a config down to what can be granted (config.md, "Linux Process": what cannot be granted
 * is a warning, not an error). Without any sets there is nothing to grant, and nothing is kept.
 *
 * @param isRoot whether the program is root's, to which the ambient set adds nothing (capabilities(7)): engines that
 * fill it without the inheritable one, as buildah does, need not be told.
 */
export function grantCapabilities(
  wanted: Capabilities = {},
  can: Grantable,
  isRoot = false,
): GrantedCapabilities {
  const masks = masksOf(wanted, can);
  const possible = masksOf(wanted, EVERYTHING);
  const contradictions = (["effective", "ambient"] as const).flatMap((set) => {
    if (set === "ambient" && isRoot) return [];
    const refused = namesOf(maskOf(wanted[set]) & ~possible[set]);
    if (refused.length === 0) return [];
    const which = refused.length === wanted[set]!.length ? "" : `${refused.join(", ")} `;
    return [
      `process.capabilities.${set}: ${which}not granted, as only what is ${
        NEEDED[set]
      } can be ${set}`,
    ];
  });
  const missing = SETS.flatMap((set) => {
    const names = namesOf(possible[set] & ~masks[set]);
    return names.length > 0 ? [`${set} ${names.join(", ")}`] : [];
  });
  const notHere = missing.length === 0 ? [] : [
    `process.capabilities: not granted, as they are not to be had here: ${missing.join("; ")}`,
  ];
  return { masks, warnings: [...contradictions, ...notHere] };
}

const SETS = ["bounding", "permitted", "effective", "inheritable", "ambient"] as const;

/** Without what (capabilities(7)). */
const NEEDED = { effective: "permitted", ambient: "permitted and inheritable" } as const;

const EVERYTHING: Grantable = { permitted: -1n, bounding: -1n };

/** What of the sets goes together (capabilities(7)) and can be granted. */
function masksOf(wanted: Capabilities, can: Grantable): CapabilityMasks {
  const bounding = maskOf(wanted.bounding) & can.bounding;
  const permitted = maskOf(wanted.permitted) & can.permitted;
  const effective = maskOf(wanted.effective) & permitted;
  // capset(2) takes what was permitted and what stays bounding.
  const inheritable = maskOf(wanted.inheritable) & can.permitted & can.bounding;
  const ambient = maskOf(wanted.ambient) & permitted & inheritable;
  return { bounding, permitted, effective, inheritable, ambient };
}

/** The sets of a config are most often one list, which is looked at again and again. */
const masks = new WeakMap<readonly string[], bigint>();

function maskOf(names?: readonly string[]): bigint {
  if (names === undefined) return 0n;
  let mask = masks.get(names);
  if (mask !== undefined) return mask;
  mask = 0n;
  for (const name of names) if (isCapability(name)) mask |= 1n << BigInt(CAPABILITIES[name]);
  masks.set(names, mask);
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
