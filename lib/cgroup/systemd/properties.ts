import type { Integer, Resources } from "../../oci/spec.ts";
import { ioWeightOfBlkioWeight, weightOfShares } from "../weight.ts";

/** A property of a unit (org.freedesktop.systemd1(5)), with the D-Bus type that systemd takes for it. */
export type UnitProperty = { readonly name: string } & PropertyValue;

/** A value and its type, by the letters of the D-Bus Specification, "Type System". */
export type PropertyValue =
  | { readonly type: "b"; readonly value: boolean }
  | { readonly type: "i"; readonly value: number }
  | { readonly type: "t"; readonly value: bigint }
  | { readonly type: "s"; readonly value: string }
  | { readonly type: "as"; readonly value: readonly string[] }
  | { readonly type: "au"; readonly value: readonly number[] };

/** No limit, and for a weight the usual one. */
export const INFINITY = 2n ** 64n - 1n;

/** The weight of who gets only what nobody else wants, since systemd 252. */
const IDLE = 0n;

/**
 * Those limits that have to be the scope's own as well (systemd.resource-control(5)): a weight counts among
 * siblings, of which the container's cgroup below the scope has none; no more memory is protected there than
 * the scope has protected; and it is the scope's limit of memory that `podman stats` tells.
 */
export function scopeProperties(
  { cpu, memory, blockIO, unified = {} }: Resources,
): UnitProperty[] {
  const found = new Map<string, bigint>();
  if (cpu?.idle === 0) found.set("CPUWeight", INFINITY);
  if (cpu?.shares) found.set("CPUWeight", BigInt(weightOfShares(cpu.shares)));
  if (cpu?.idle === 1) found.set("CPUWeight", IDLE);
  if (blockIO?.weight) found.set("IOWeight", BigInt(ioWeightOfBlkioWeight(blockIO.weight)));
  if (memory?.reservation) found.set("MemoryLow", orInfinity(memory.reservation));
  if (memory?.limit) found.set("MemoryMax", orInfinity(memory.limit));
  for (const [file, name] of Object.entries(UNIFIED)) {
    const [, value] = /^(?:default )?(\d+|max)$/.exec(unified[file]?.trim() ?? "") ?? [];
    if (value !== undefined) found.set(name, value === "max" ? INFINITY : BigInt(value));
  }
  return [...found].map(([name, value]) => ({ name, type: "t", value }));
}

function orInfinity(bytes: Integer): bigint {
  return BigInt(bytes) < 0n ? INFINITY : BigInt(bytes);
}

/** The same as files of cgroup v2. */
const UNIFIED: Readonly<Record<string, string>> = {
  "cpu.weight": "CPUWeight",
  "io.weight": "IOWeight",
  "memory.low": "MemoryLow",
  "memory.max": "MemoryMax",
  "memory.min": "MemoryMin",
};
