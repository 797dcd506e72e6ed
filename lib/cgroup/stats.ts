import type { Integer } from "../oci/spec.ts";
import { type Place, v1Place, v2Place } from "./place.ts";
import { StatFiles } from "./stat_files.ts";
import * as v1 from "./v1/stats.ts";
import * as v2 from "./v2/stats.ts";

/** What a cgroup uses, in the form in which engines read it from `events --stats`. */
export interface CgroupStats {
  cpu: CpuStats;
  cpuset: CpusetStats;
  memory: MemoryStats;
  pids: PidsStats;
  blkio: BlkioStats;
  /** By page size, such as `2MB`. */
  hugetlb: Record<string, HugetlbStats>;
}

/** How long tasks waited, in percent of the last 10, 60 and 300 seconds, and in microseconds (psi.rst). */
export interface Pressure {
  avg10: number;
  avg60: number;
  avg300: number;
  total: Integer;
}

/** Pressure on some and on all of the tasks at once. */
export interface PressureStats {
  some: Pressure;
  full: Pressure;
}

/** Times are nanoseconds. */
export interface CpuStats {
  usage: {
    total: Integer;
    percpu?: Integer[];
    percpu_kernel?: Integer[];
    percpu_user?: Integer[];
    kernel: Integer;
    user: Integer;
  };
  throttling: { periods: Integer; throttledPeriods: Integer; throttledTime: Integer };
  psi?: PressureStats;
}

/** The files of the v1 controller by their names; all 0 where there is none. */
export interface CpusetStats {
  cpus?: number[];
  cpu_exclusive: Integer;
  mems?: number[];
  mem_hardwall: Integer;
  mem_exclusive: Integer;
  memory_migrate: Integer;
  memory_spread_page: Integer;
  memory_spread_slab: Integer;
  memory_pressure: Integer;
  sched_load_balance: Integer;
  sched_relax_domain_level: Integer;
}

/** Bytes; a limit of 2^64-1 or nearly so is none. */
export interface MemoryEntry {
  limit: Integer;
  usage?: Integer;
  max?: Integer;
  failcnt: Integer;
}

/** Bytes. */
export interface MemoryStats {
  cache?: Integer;
  usage: MemoryEntry;
  /** Memory and swap together. */
  swap: MemoryEntry;
  kernel: MemoryEntry;
  kernelTCP: MemoryEntry;
  /** All of memory.stat. */
  raw: Record<string, Integer>;
  psi?: PressureStats;
}

/** A limit of 0 is none. */
export interface PidsStats {
  current: Integer;
  limit: Integer;
}

/** One number for one disk and one kind of operation. */
export interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: Integer;
}

/** Bytes and operations, of the cgroup and all below it. */
export interface BlkioStats {
  ioServiceBytesRecursive?: BlkioEntry[];
  ioServicedRecursive?: BlkioEntry[];
  psi?: PressureStats;
}

/** Bytes. */
export interface HugetlbStats {
  usage: Integer;
  max?: Integer;
  failcnt: Integer;
}

/** Reads what a cgroup uses now. What no mounted controller counts is 0 or left out. */
export function readStats(places: readonly Place[]): CgroupStats {
  const old = (controller: string) => v1Place(places, controller)?.folder;
  const unified = (controller: string) => v2Place(places, controller)?.folder;
  const [cpuacct, memory, pids] = [old("cpuacct"), old("memory"), old("pids") ?? unified("pids")];
  const [blkio, hugetlb] = [old("blkio"), old("hugetlb")];
  return {
    cpu: cpuacct ? v1.cpuStats(cpuacct, old("cpu")) : v2.cpuStats(unified("cpu")),
    cpuset: v1.cpusetStats(old("cpuset")),
    memory: memory ? v1.memoryStats(memory) : v2.memoryStats(unified("memory")),
    pids: pidsStats(pids),
    blkio: blkio ? v1.blkioStats(blkio) : v2.blkioStats(unified("io")),
    hugetlb: hugetlb ? v1.hugetlbStats(hugetlb) : v2.hugetlbStats(unified("hugetlb")),
  };
}

/** Both versions have the same files. */
function pidsStats(folder: string | undefined): PidsStats {
  const files = new StatFiles(folder);
  return { current: files.number("pids.current"), limit: files.number("pids.max", 0) };
}
