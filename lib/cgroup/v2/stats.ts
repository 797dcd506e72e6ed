import { SysError } from "../../../ffi/errno.ts";
import { integer, NO_LIMIT, plus, StatFiles, times } from "../stat_files.ts";
import type {
  BlkioEntry,
  BlkioStats,
  CpuStats,
  HugetlbStats,
  MemoryStats,
  Pressure,
  PressureStats,
} from "../stats.ts";

/** CPU time and throttling from cpu.stat, which has microseconds. */
export function cpuStats(folder: string | undefined): CpuStats {
  const files = new StatFiles(folder);
  const stat = files.table("cpu.stat");
  const nanoseconds = (key: string) => times(stat[key] ?? 0, 1000);
  return {
    usage: {
      total: nanoseconds("usage_usec"),
      kernel: nanoseconds("system_usec"),
      user: nanoseconds("user_usec"),
    },
    throttling: {
      periods: stat["nr_periods"] ?? 0,
      throttledPeriods: stat["nr_throttled"] ?? 0,
      throttledTime: nanoseconds("throttled_usec"),
    },
    ...pressure(files, "cpu"),
  };
}

/** Memory; swap is given as the sum with memory, as v1 counts it. */
export function memoryStats(folder: string | undefined): MemoryStats {
  const files = new StatFiles(folder);
  const events = files.table("memory.events");
  const raw = files.table("memory.stat");
  const usage = {
    limit: files.number("memory.max"),
    usage: files.number("memory.current"),
    failcnt: events["max"] ?? 0,
    ...(files.has("memory.peak") ? { max: files.number("memory.peak") } : {}),
  };
  const swap = {
    limit: plus(usage.limit, files.number("memory.swap.max")),
    usage: plus(usage.usage, files.number("memory.swap.current")),
    failcnt: files.table("memory.swap.events")["fail"] ?? 0,
  };
  // v2 has no limits of their own for these two.
  const kernel = { limit: NO_LIMIT, usage: raw["kernel"] ?? 0, failcnt: 0 };
  const kernelTCP = { limit: NO_LIMIT, usage: raw["sock"] ?? 0, failcnt: 0 };
  const psi = pressure(files, "memory");
  return { cache: raw["file"] ?? 0, usage, swap, kernel, kernelTCP, raw, ...psi };
}

/** Block I/O from io.stat: lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0`. */
export function blkioStats(folder: string | undefined): BlkioStats {
  const files = new StatFiles(folder);
  const lines = files.text("io.stat").split("\n").filter(Boolean);
  const entries = (keys: Readonly<Record<string, string>>): BlkioEntry[] =>
    lines.flatMap((line) => {
      const [disk = "", ...pairs] = line.split(" ");
      const [major, minor] = disk.split(":").map(Number);
      return pairs.map((pair) => pair.split("=")).flatMap(([key = "", value = ""]) =>
        keys[key] ? [{ major: major!, minor: minor!, op: keys[key], value: integer(value) }] : []
      );
    });
  return {
    ioServiceBytesRecursive: entries({ rbytes: "Read", wbytes: "Write", dbytes: "Discard" }),
    ioServicedRecursive: entries({ rios: "Read", wios: "Write", dios: "Discard" }),
    ...pressure(files, "io"),
  };
}

/**
 * Pressure stall information: lines such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`. None where the kernel is
 * built without it, or started with `psi=0`: it cannot be read then.
 */
function pressure(files: StatFiles, controller: string): { psi?: PressureStats } {
  const text = readable(files, `${controller}.pressure`);
  if (text === "") return {};
  const line = (kind: string): Pressure => {
    const value = (key: string) =>
      text.match(new RegExp(`^${kind} .*\\b${key}=([0-9.]+)`, "m"))?.[1] ?? "0";
    const percent = (key: string) => Number(value(key));
    return {
      avg10: percent("avg10"),
      avg60: percent("avg60"),
      avg300: percent("avg300"),
      total: integer(value("total")),
    };
  };
  return { psi: { some: line("some"), full: line("full") } };
}

/** Huge pages by size. */
export function hugetlbStats(folder: string | undefined): Record<string, HugetlbStats> {
  const files = new StatFiles(folder);
  return Object.fromEntries(
    files.pageSizes("current").map((size) => [size, {
      usage: files.number(`hugetlb.${size}.current`),
      failcnt: files.table(`hugetlb.${size}.events`)["max"] ?? 0,
    }]),
  );
}

function readable(files: StatFiles, file: string): string {
  try {
    return files.text(file);
  } catch (error) {
    if (error instanceof SysError && error.code === "EOPNOTSUPP") return "";
    throw error;
  }
}
