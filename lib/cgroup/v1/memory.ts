import type { MemoryResources } from "../../oci/spec.ts";
import type { Controller, Current, Setting } from "../setting.ts";
import { checkedMemory } from "../memory_limits.ts";

/** The memory controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/memory.rst). */
export const memory: Controller = {
  name: "memory",
  part: "memory",
  settings({ memory }, current) {
    if (!memory) return [];
    const { limit, swap } = checkedMemory(memory, current);
    const bytes: Setting[] = [];
    if (limit !== undefined) {
      bytes.push({
        field: "memory.limit",
        file: "memory.limit_in_bytes",
        value: `${limit}`,
        refused: limitRefused(limit, swap, current("memory.memsw.limit_in_bytes")),
      });
    }
    if (swap !== undefined) {
      bytes.push({
        field: "memory.swap",
        file: "memory.memsw.limit_in_bytes",
        value: `${swap}`,
        missing: "Boot the kernel with swapaccount=1 to have swap limited",
        refused: "It is memory and swap together, so at least memory.limit",
        ...(memory.swap ? {} : { extra: true }),
      });
    }
    // limit <= swap must hold after each write, so a sum that the old limit fits in goes first.
    if (limit !== undefined && swap !== undefined) {
      const old = BigInt(current("memory.limit_in_bytes") ?? UNLIMITED);
      if (swap < 0n || swap >= old) bytes.reverse();
    }
    return [...bytes, ...others(memory, current)];
  },
};

function limitRefused(limit: bigint, swap: bigint | undefined, sum?: string): string {
  if (swap === undefined && sum !== undefined && limit > BigInt(sum)) {
    return `Memory and swap together have ${sum} bytes: give memory.swap as well`;
  }
  return "The cgroup may already use more, or its parent may have less";
}

function others(memory: MemoryResources, current: Current): Setting[] {
  const { reservation, kernelTCP, swappiness, disableOOMKiller, useHierarchy } = memory;
  const settings: Setting[] = [];
  if (reservation) {
    settings.push({
      field: "memory.reservation",
      file: "memory.soft_limit_in_bytes",
      value: `${reservation}`,
    });
  }
  if (kernelTCP) {
    settings.push({
      field: "memory.kernelTCP",
      file: "memory.kmem.tcp.limit_in_bytes",
      value: `${kernelTCP}`,
    });
  }
  if (swappiness !== undefined) {
    settings.push({
      field: "memory.swappiness",
      file: "memory.swappiness",
      value: `${swappiness}`,
      refused: "It is a number from 0 to 100",
    });
  }
  if (disableOOMKiller !== undefined) {
    const file = "memory.oom_control";
    settings.push({
      field: "memory.disableOOMKiller",
      file,
      value: disableOOMKiller ? "1" : "0",
      reset: current(file)?.includes("oom_kill_disable 1") ? "1" : "0",
    });
  }
  if (useHierarchy !== undefined) {
    settings.push({
      field: "memory.useHierarchy",
      file: "memory.use_hierarchy",
      value: useHierarchy ? "1" : "0",
      refused: "Since Linux 5.11 memory is always accounted hierarchically",
    });
  }
  return settings;
}

/** From here on memory.limit_in_bytes shows no limit: the largest number of whole pages, of 64 KiB at most. */
export const UNLIMITED = 2n ** 63n - 65536n;
