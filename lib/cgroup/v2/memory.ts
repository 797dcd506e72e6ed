import { ContainerError } from "../../errors.ts";
import { checkedMemory } from "../memory_limits.ts";
import type { Controller, Current, Impossible, Setting } from "../setting.ts";

/** The memory controller of cgroup v2 (cgroup-v2.rst, Memory). */
export const memory: Controller = {
  name: "memory",
  part: "memory",
  settings({ memory }, current) {
    if (!memory) return [];
    const { limit, swap } = checkedMemory(memory, current);
    const settings: (Setting | Impossible)[] = [];
    if (limit !== undefined) {
      settings.push({ field: "memory.limit", file: "memory.max", value: orMax(limit) });
    }
    if (swap !== undefined) {
      settings.push({
        field: "memory.swap",
        file: "memory.swap.max",
        value: swap < 0n ? "max" : `${swap - memoryPart(limit, swap, current)}`,
        missing: "The kernel needs CONFIG_SWAP, and no swapaccount=0 at boot",
        ...(memory.swap ? {} : { extra: true }),
      });
    }
    if (memory.reservation) {
      const value = orMax(BigInt(memory.reservation));
      settings.push({ field: "memory.reservation", file: "memory.low", value });
    }
    if (memory.kernelTCP !== undefined && memory.kernelTCP > 0) {
      settings.push({
        field: "memory.kernelTCP",
        impossible: "cgroup v2 limits the buffers of TCP together with the rest",
      });
    }
    if (memory.swappiness !== undefined) {
      settings.push({
        field: "memory.swappiness",
        impossible: "cgroup v2 has one swappiness for the whole machine, /proc/sys/vm/swappiness",
      });
    }
    if (memory.disableOOMKiller) {
      settings.push({
        field: "memory.disableOOMKiller",
        impossible: "cgroup v2 cannot switch the out-of-memory killer off",
      });
    }
    if (memory.useHierarchy === false) {
      settings.push({
        field: "memory.useHierarchy",
        impossible: "cgroup v2 always accounts memory hierarchically",
      });
    }
    return settings;
  },
};

/** v2 limits swap alone, so the memory's part is taken from what OCI gives as the sum of both. */
function memoryPart(limit: bigint | undefined, swap: bigint, current: Current): bigint {
  const present = current("memory.max");
  const part = limit ?? (present && present !== "max" ? BigInt(present) : undefined);
  if (part === undefined || part < 0n) {
    throw new ContainerError(`set memory.swap to ${swap} bytes: memory.limit is not given`, {
      code: "InvalidSpec",
      hint: "memory.swap is memory and swap together, so it needs the memory's limit",
    });
  }
  if (part > swap) {
    throw new ContainerError(`set memory.swap to ${swap} bytes: less than memory.limit, ${part}`, {
      code: "InvalidSpec",
      hint: "memory.swap is memory and swap together",
    });
  }
  return part;
}

function orMax(bytes: bigint): string {
  return bytes < 0n ? "max" : `${bytes}`;
}
