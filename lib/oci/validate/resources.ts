import type {
  BlockIOResources,
  CpuResources,
  DeviceRule,
  HugepageLimit,
  InterfacePriority,
  MemoryResources,
  NetworkResources,
  PidsResources,
  RdmaLimit,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from "../spec.ts";
import {
  int64,
  integer,
  integer64,
  major,
  memoryLimit,
  minor,
  uint32,
  uint64,
  unless,
} from "./integers.ts";
import type { Place } from "./place.ts";
import {
  boolean,
  listOf,
  mapOf,
  object,
  oneOf,
  required,
  type Rule,
  unlessEmpty,
} from "./schema.ts";
import { anyText, matching, numberList, text } from "./texts.ts";

/** config-linux.md, "Allowed Device list". Docker writes -1 for all numbers. */
const deviceRule = object<DeviceRule>(() => ({
  allow: required(boolean),
  type: unlessEmpty(oneOf(["a", "c", "b"])),
  major: unless(-1, major),
  minor: unless(-1, minor),
  access: unlessEmpty(access),
}));

/** Read, write, make the node: a composition of the three. */
function access(value: unknown, place: Place): string {
  let rest = anyText(value, place);
  for (const letter of "rwm") rest = rest.replace(letter, "");
  if (rest !== "") place.expected('letters of "rwm", each once', value);
  return value as string;
}

/** Docker writes its "-1: not set" as an unsigned number. */
const swappiness = unless(2n ** 64n - 1n, integer(0, 100, "a percentage"));

/** config-linux.md, "Memory". */
const memory = object<MemoryResources>(() => ({
  limit: memoryLimit,
  reservation: memoryLimit,
  swap: memoryLimit,
  kernel: memoryLimit,
  kernelTCP: memoryLimit,
  swappiness,
  disableOOMKiller: boolean,
  useHierarchy: boolean,
  checkBeforeUpdate: boolean,
}), ({ limit, swap, kernel = 0 }, place) => {
  if (kernel > 0) {
    place.warn("ignored, Linux limits its own memory together with the rest: set limit", "kernel");
  }
  // It counts memory and swap together.
  if (swap !== undefined && swap >= 0 && limit !== undefined && swap < limit) {
    place.expected(`at least the memory limit, ${limit}`, swap, "swap");
  }
});

const MAX_SHARES = 262_144;
const microseconds = "a number of microseconds";

/** The kernel takes more for the most, and so do others; 0 is what engines write for "not set". */
const shares: Rule<number | undefined> = (value, place) => {
  const shares = uint64(value, place);
  return shares === 0 ? undefined : Math.min(Number(shares), MAX_SHARES);
};

/** Docker, containerd and their kin write 0 for "not set", too. */
const cpu = object<CpuResources>(() => ({
  shares,
  quota: unless(0, cpuQuota),
  burst: integer64(0n, 2n ** 63n - 1n, microseconds),
  period: unless(0, integer(1000, 1_000_000, microseconds)),
  realtimeRuntime: int64,
  realtimePeriod: unless(0, integer(1, Number.MAX_SAFE_INTEGER, microseconds)),
  cpus: unlessEmpty(numberList),
  mems: unlessEmpty(numberList),
  idle: integer(0, 1),
}), ({ quota, burst }, place) => {
  if (quota !== undefined && quota > 0 && burst !== undefined && burst > quota) {
    place.expected(`at most the quota, ${quota}`, burst, "burst");
  }
});

/** The kernel refuses quotas below a millisecond; a negative one is none. */
function cpuQuota(value: unknown, place: Place): number | bigint {
  const quota = int64(value, place);
  if (quota > 0 && quota < 1000) {
    place.expected("1000 microseconds or more, or -1 for unlimited", quota);
  }
  return quota;
}

/** config-linux.md, "PIDs". 0 is a limit like any other. */
const pids = object<PidsResources>(() => ({
  limit: integer(-1, Number.MAX_SAFE_INTEGER, "a number of tasks, or -1 for unlimited,"),
}));

/** blkio.weight; Docker writes 0 for "not set". */
const weight = unless(0, integer(10, 1000, "a weight"));

const weightDevice = object<WeightDevice>(() => ({
  major: required(major),
  minor: required(minor),
  weight,
  leafWeight: weight,
}), ({ weight, leafWeight }, place) => {
  if (weight === undefined && leafWeight === undefined) {
    place.refuse("weight or leafWeight is required but missing");
  }
});

const throttleDevice = object<ThrottleDevice>(() => ({
  major: required(major),
  minor: required(minor),
  rate: required(uint64),
}));

const throttleList = listOf(throttleDevice);

/** config-linux.md, "Block IO". */
const blockIO = object<BlockIOResources>(() => ({
  weight,
  leafWeight: weight,
  weightDevice: listOf(weightDevice),
  throttleReadBpsDevice: throttleList,
  throttleWriteBpsDevice: throttleList,
  throttleReadIOPSDevice: throttleList,
  throttleWriteIOPSDevice: throttleList,
}));

/** config-linux.md, "Huge page limits". */
const hugepageLimit = object<HugepageLimit>(() => ({
  pageSize: required(matching(/^[1-9][0-9]*[KMG]B$/, 'a page size such as "64KB", "2MB" or "1GB"')),
  limit: required(uint64),
}));

const priority = object<InterfacePriority>(() => ({
  name: required(matching(/^[^\s/\0]{1,15}$/, "the name of a network device")),
  priority: required(uint32),
}));

/** config-linux.md, "Network". */
const network = object<NetworkResources>(() => ({
  classID: uint32,
  priorities: listOf(priority),
}));

/** config-linux.md, "RDMA". */
const rdmaLimit = object<RdmaLimit>(() => ({
  hcaHandles: uint32,
  hcaObjects: uint32,
}), ({ hcaHandles, hcaObjects }, place) => {
  if (hcaHandles === undefined && hcaObjects === undefined) {
    place.refuse("hcaHandles or hcaObjects is required but missing");
  }
});

function rdmaDevice(name: string, place: Place): void {
  if (!/^[^\s=/\0]+$/.test(name)) place.expected("the name of an RDMA device", name);
}

/** The file lies in the cgroup's own folder: nothing in its name may lead out of it. */
function cgroupFile(name: string, place: Place): void {
  if (!/^[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)+$/.test(name)) {
    place.expected('the name of a cgroup v2 file such as "memory.max"', name);
  }
}

/** config-linux.md, "Control groups". */
export const resources = object<Resources>(() => ({
  devices: listOf(deviceRule),
  memory,
  cpu,
  pids,
  blockIO,
  hugepageLimits: listOf(hugepageLimit),
  network,
  rdma: mapOf(rdmaLimit, rdmaDevice),
  unified: mapOf(text, cgroupFile),
}));
