import type { Integer, Resources } from "../../oci/spec.ts";
import { ioWeightOfBlkioWeight, weightOfShares } from "../weight.ts";

/** A property of a unit, all of which are 64 bits without sign here (org.freedesktop.systemd1(5)). */
export interface UnitProperty {
  readonly name: string;
  readonly value: bigint;
}

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
  return [...found].map(([name, value]) => ({ name, value }));
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
