import { parseList } from "../../oci/list_format.ts";
import { integer, StatFiles } from "../stat_files.ts";
import type {
  BlkioEntry,
  BlkioStats,
  CpusetStats,
  CpuStats,
  HugetlbStats,
  MemoryEntry,
  MemoryStats,
} from "../stats.ts";

/** CPU time from the cpuacct controller, throttling from the cpu controller where it is mounted. */
export function cpuStats(cpuacct: string, cpu: string | undefined): CpuStats {
  const files = new StatFiles(cpuacct);
  const stat = new StatFiles(cpu).table("cpu.stat");
  // Under a line of names, one line for each CPU: its number, user, system.
  const [, ...cpus] = files.text("cpuacct.usage_all").split("\n").map((line) => line.split(" "));
  return {
    usage: {
      total: files.number("cpuacct.usage"),
      percpu: files.text("cpuacct.usage_percpu").split(" ").filter(Boolean).map(integer),
      percpu_kernel: cpus.map(([, , system = ""]) => integer(system)),
      percpu_user: cpus.map(([, user = ""]) => integer(user)),
      kernel: files.number("cpuacct.usage_sys"),
      user: files.number("cpuacct.usage_user"),
    },
    throttling: {
      periods: stat["nr_periods"] ?? 0,
      throttledPeriods: stat["nr_throttled"] ?? 0,
      throttledTime: stat["throttled_time"] ?? 0,
    },
  };
}

/** The settings of the cpuset controller, as cpusets.rst has them. */
export function cpusetStats(folder: string | undefined): CpusetStats {
  const files = new StatFiles(folder);
  const number = (name: string) => files.number(`cpuset.${name}`);
  const list = (name: string) => parseList(files.text(`cpuset.${name}`)) ?? [];
  return {
    cpus: list("cpus"),
    cpu_exclusive: number("cpu_exclusive"),
    mems: list("mems"),
    mem_hardwall: number("mem_hardwall"),
    mem_exclusive: number("mem_exclusive"),
    memory_migrate: number("memory_migrate"),
    memory_spread_page: number("memory_spread_page"),
    memory_spread_slab: number("memory_spread_slab"),
    memory_pressure: number("memory_pressure"),
    sched_load_balance: number("sched_load_balance"),
    sched_relax_domain_level: number("sched_relax_domain_level"),
  };
}

/** Memory as memory.rst describes its files; `max` is the most that was used. */
export function memoryStats(folder: string): MemoryStats {
  const files = new StatFiles(folder);
  const entry = (name: string): MemoryEntry => ({
    limit: files.number(`${name}.limit_in_bytes`),
    usage: files.number(`${name}.usage_in_bytes`),
    max: files.number(`${name}.max_usage_in_bytes`),
    failcnt: files.number(`${name}.failcnt`),
  });
  const raw = files.table("memory.stat");
  return {
    cache: raw["total_cache"] ?? raw["cache"] ?? 0,
    usage: entry("memory"),
    swap: entry("memory.memsw"),
    kernel: entry("memory.kmem"),
    kernelTCP: entry("memory.kmem.tcp"),
    raw,
  };
}

/** Block I/O, from BFQ's files where they count anything, else from those of throttling. */
export function blkioStats(folder: string): BlkioStats {
  const files = new StatFiles(folder);
  const entries = (name: string): BlkioEntry[] => {
    const found = ["bfq", "throttle"].map((kind) =>
      parseEntries(files.text(`blkio.${kind}.${name}_recursive`))
    );
    return found.find((list) => list.length > 0) ?? [];
  };
  return {
    ioServiceBytesRecursive: entries("io_service_bytes"),
    ioServicedRecursive: entries("io_serviced"),
  };
}

/** Lines such as `8:0 Read 4096`; a last line with the total of all disks is left out. */
function parseEntries(text: string): BlkioEntry[] {
  return text.split("\n").flatMap((line) => {
    const match = line.match(/^([0-9]+):([0-9]+) (\w+) ([0-9]+)$/);
    if (!match) return [];
    const [, major, minor, op, value] = match;
    return [{ major: Number(major), minor: Number(minor), op: op!, value: integer(value!) }];
  });
}

/** Huge pages by size; `max` is the most that was used. */
export function hugetlbStats(folder: string): Record<string, HugetlbStats> {
  const files = new StatFiles(folder);
  return Object.fromEntries(
    files.pageSizes("usage_in_bytes").map((size) => [size, {
      usage: files.number(`hugetlb.${size}.usage_in_bytes`),
      max: files.number(`hugetlb.${size}.max_usage_in_bytes`),
      failcnt: files.number(`hugetlb.${size}.failcnt`),
    }]),
  );
}
