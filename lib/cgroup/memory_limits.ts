import { ContainerError } from "../errors.ts";
import type { Integer, MemoryResources } from "../oci/spec.ts";
import type { Current } from "./setting.ts";

/** The least memory limit, in bytes, with which a program can be started at all. */
export const MINIMUM_MEMORY = 512 * 1024;

/** The two limits of `linux.resources.memory` in bytes: -1 for unlimited, undefined for "leave it". */
export interface MemoryLimits {
  readonly limit: bigint | undefined;
  /** Memory and swap together. */
  readonly swap: bigint | undefined;
}

/**
 * Reads limit and swap and holds them against each other. As the engines write it, 0 means that
 * nothing was asked for; an unlimited memory without a word on swap has unlimited swap as well.
 *
 * @throws {ContainerError} InvalidSpec or InvalidArgument.
 */
export function checkedMemory(memory: MemoryResources, current: Current): MemoryLimits {
  const limit = asked(memory.limit);
  const swap = asked(memory.swap) ?? (limit === -1n ? -1n : undefined);
  if (limit !== undefined && limit >= 0n && limit < BigInt(MINIMUM_MEMORY)) {
    throw new ContainerError(`set memory.limit to ${limit} bytes: too small to start a program`, {
      code: "InvalidArgument",
      hint: "Give 6 MiB or more: starting even a small program takes a few",
    });
  }
  if (swap !== undefined && swap >= 0n && (limit ?? 0n) > swap) {
    throw new ContainerError(`set memory.swap to ${swap} bytes: less than memory.limit, ${limit}`, {
      code: "InvalidSpec",
      hint: "memory.swap is memory and swap together",
    });
  }
  if (memory.checkBeforeUpdate && limit !== undefined && limit >= 0n) {
    const used = current("memory.current") ?? current("memory.usage_in_bytes");
    if (used !== undefined && BigInt(used) > limit) {
      throw new ContainerError(`set memory.limit to ${limit} bytes: ${used} are in use`, {
        code: "InvalidArgument",
      });
    }
  }
  return { limit, swap };
}

function asked(value: Integer | undefined): bigint | undefined {
  if (value === undefined || BigInt(value) === 0n) return undefined;
  if (BigInt(value) < 0n) return -1n;
  return BigInt(value);
}
