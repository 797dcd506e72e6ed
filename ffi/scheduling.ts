import { syscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";

/** struct sched_attr, sched_setattr(2), with the clamps of Linux 5.3. */
export const sched_attr = struct("sched_attr", 56, {
  size: [0, "u32"],
  sched_policy: [4, "u32"],
  sched_flags: [8, "u64"],
  sched_nice: [16, "i32"],
  sched_priority: [20, "u32"],
  sched_runtime: [24, "u64"],
  sched_deadline: [32, "u64"],
  sched_period: [40, "u64"],
});

/** What sched_setattr(2) sets. Times are nanoseconds. */
export interface SchedulingAttributes {
  readonly policy: number;
  readonly flags: number;
  readonly nice: number;
  readonly priority: number;
  readonly runtime: bigint;
  readonly deadline: bigint;
  readonly period: bigint;
}

/** sched_setattr(2) of a process, or with 0 of this one. */
export function sched_setattr(pid: number, attributes: SchedulingAttributes): void {
  const attr = sched_attr.encode({
    size: sched_attr.size,
    sched_policy: attributes.policy,
    sched_flags: attributes.flags,
    sched_nice: attributes.nice,
    sched_priority: attributes.priority,
    sched_runtime: attributes.runtime,
    sched_deadline: attributes.deadline,
    sched_period: attributes.period,
  });
  syscall("sched_setattr", `${pid}, policy ${attributes.policy}`, pid, attr, 0);
}

/** ioprio_set(2) of a process, or with 0 of this one. `ioClass` is IOPRIO_CLASS_*, `priority` 0 to 7. */
export function ioprio_set(pid: number, ioClass: number, priority: number): void {
  const IOPRIO_WHO_PROCESS = 1;
  const IOPRIO_CLASS_SHIFT = 13;
  const value = (ioClass << IOPRIO_CLASS_SHIFT) | priority;
  syscall("ioprio_set", `${pid}, class ${ioClass}`, IOPRIO_WHO_PROCESS, pid, value);
}

/** sched_setaffinity(2) of this thread to the CPUs of these numbers. */
export function sched_setaffinity(cpus: readonly number[]): void {
  const mask = bitmap(cpus);
  syscall("sched_setaffinity", cpus.join(","), 0, mask.length, mask);
}

/** set_mempolicy(2) of this thread: mode with flags, and the numbers of the memory nodes. */
export function set_mempolicy(mode: number, nodes: readonly number[]): void {
  const mask = bitmap(nodes);
  // The kernel counts one bit less than it is told (get_nodes in mm/mempolicy.c).
  const bits = nodes.length === 0 ? 0 : mask.length * 8 + 1;
  syscall("set_mempolicy", `mode ${mode}`, mode, nodes.length === 0 ? null : mask, bits);
}

/** personality(2): the execution domain. */
export function personality(persona: number): void {
  syscall("personality", `0x${persona.toString(16)}`, persona);
}

/** Bits by their numbers, in whole 64-bit words as the kernel has them. */
function bitmap(numbers: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = alloc(8 * (Math.floor(Math.max(0, ...numbers) / 64) + 1));
  for (const number of numbers) bytes[number >> 3] |= 1 << (number & 7);
  return bytes;
}
