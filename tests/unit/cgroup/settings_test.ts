import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { hugetlbController } from "../../../lib/cgroup/hugetlb.ts";
import { pids } from "../../../lib/cgroup/pids.ts";
import { rdma } from "../../../lib/cgroup/rdma.ts";
import type { Controller } from "../../../lib/cgroup/setting.ts";
import { blkio } from "../../../lib/cgroup/v1/blkio.ts";
import { cpu as cpuV1 } from "../../../lib/cgroup/v1/cpu.ts";
import { memory as memoryV1 } from "../../../lib/cgroup/v1/memory.ts";
import { netCls } from "../../../lib/cgroup/v1/net_cls.ts";
import { netPrio } from "../../../lib/cgroup/v1/net_prio.ts";
import { cpu as cpuV2 } from "../../../lib/cgroup/v2/cpu.ts";
import { cpuset } from "../../../lib/cgroup/v2/cpuset.ts";
import { io } from "../../../lib/cgroup/v2/io.ts";
import { memory as memoryV2 } from "../../../lib/cgroup/v2/memory.ts";
import { controllerOf, unifiedSettings } from "../../../lib/cgroup/v2/unified.ts";
import type { Resources } from "../../../lib/oci/spec.ts";

const MiB = 1024 * 1024;

/** What would be written, one `file=value` each; `!field` for what this version cannot express. */
function written(
  controller: Controller,
  resources: Resources,
  files: Record<string, string> = {},
): string[] {
  return controller.settings(resources, (file) => files[file]).map((setting) =>
    "impossible" in setting
      ? `!${setting.field}`
      : `${[setting.file].flat().join("|")}=${setting.value}`
  );
}

const memory = (memory: Resources["memory"] & object): Resources => ({ memory });
const cpu = (cpu: Resources["cpu"] & object): Resources => ({ cpu });

Deno.test("memory v1: limit before swap in a new cgroup", () => {
  assertEquals(written(memoryV1, memory({ limit: 64 * MiB, swap: 128 * MiB })), [
    "memory.limit_in_bytes=67108864",
    "memory.memsw.limit_in_bytes=134217728",
  ]);
});

Deno.test("memory v1: swap goes first where the old limit fits in, and limit where it does not", () => {
  const resources = memory({ limit: 64 * MiB, swap: 128 * MiB });
  const [small, large] = [32, 256].map((size) => ({ "memory.limit_in_bytes": `${size * MiB}` }));
  assertEquals(written(memoryV1, resources, small), [
    "memory.memsw.limit_in_bytes=134217728",
    "memory.limit_in_bytes=67108864",
  ]);
  assertEquals(written(memoryV1, resources, large), [
    "memory.limit_in_bytes=67108864",
    "memory.memsw.limit_in_bytes=134217728",
  ]);
});

Deno.test("memory v1: unlimited memory has unlimited swap; zeros ask for nothing", () => {
  assertEquals(written(memoryV1, memory({ limit: -1 })), [
    "memory.memsw.limit_in_bytes=-1",
    "memory.limit_in_bytes=-1",
  ]);
  assertEquals(written(memoryV1, memory({ limit: 0, swap: 0, reservation: 0 })), []);
});

Deno.test("memory v1: the other fields, and integers beyond 2^53", () => {
  const resources = memory({
    limit: 9007199254740993n,
    reservation: 32 * MiB,
    swappiness: 0,
    disableOOMKiller: true,
    kernel: 5,
    kernelTCP: 6,
  });
  assertEquals(written(memoryV1, resources), [
    "memory.limit_in_bytes=9007199254740993",
    "memory.soft_limit_in_bytes=33554432",
    "memory.kmem.tcp.limit_in_bytes=6",
    "memory.swappiness=0",
    "memory.oom_control=1",
  ]);
});

Deno.test("memory v1: a limit above that of memory and swap together says what else to give", () => {
  const refused = (given: Resources["memory"] & object) => {
    const sum = (file: string) =>
      file === "memory.memsw.limit_in_bytes" ? `${64 * MiB}` : undefined;
    const [setting] = memoryV1.settings(memory(given), sum);
    return "refused" in setting! ? setting.refused : undefined;
  };
  assertEquals(
    refused({ limit: 65 * MiB }),
    "Memory and swap together have 67108864 bytes: give memory.swap as well",
  );
  assertMatch(refused({ limit: 64 * MiB })!, /may already use more/);
});

Deno.test("memory v2: swap is the sum less the memory, in words where unlimited", () => {
  const table: [Resources["memory"] & object, string[]][] = [
    [{ limit: 64 * MiB, swap: 128 * MiB }, ["memory.max=67108864", "memory.swap.max=67108864"]],
    [{ limit: 64 * MiB, swap: 64 * MiB }, ["memory.max=67108864", "memory.swap.max=0"]],
    [{ limit: 64 * MiB, swap: -1 }, ["memory.max=67108864", "memory.swap.max=max"]],
    [{ limit: -1 }, ["memory.max=max", "memory.swap.max=max"]],
    [{ limit: 64 * MiB, reservation: 8 * MiB }, ["memory.max=67108864", "memory.low=8388608"]],
  ];
  for (const [given, files] of table) assertEquals(written(memoryV2, memory(given)), files);
});

Deno.test("memory v2: a new sum alone counts against the present limit", () => {
  const files = { "memory.max": `${64 * MiB}` };
  assertEquals(written(memoryV2, memory({ swap: 96 * MiB }), files), ["memory.swap.max=33554432"]);
  assertThrows(() => written(memoryV2, memory({ swap: 96 * MiB })), ContainerError, "not given");
  for (const [limit, why] of [["max", "not given"], [`${128 * MiB}`, "less than"]] as const) {
    const present = { "memory.max": limit };
    const error = assertThrows(
      () => written(memoryV2, memory({ swap: 96 * MiB }), present),
      ContainerError,
      why,
    );
    assertEquals(error.code, "InvalidSpec");
  }
});

Deno.test("memory v2: what it cannot express is told field by field", () => {
  const resources = memory({
    kernelTCP: 6,
    swappiness: 10,
    disableOOMKiller: true,
    useHierarchy: false,
  });
  assertEquals(written(memoryV2, resources), [
    "!memory.kernelTCP",
    "!memory.swappiness",
    "!memory.disableOOMKiller",
    "!memory.useHierarchy",
  ]);
  assertEquals(written(memoryV2, memory({ disableOOMKiller: false, useHierarchy: true })), []);
  assertEquals(written(memoryV2, memory({ kernelTCP: -1 })), []);
});

Deno.test("memory: impossible limits are refused before anything is written", () => {
  for (const controller of [memoryV1, memoryV2]) {
    const table: [Resources["memory"] & object, string][] = [
      [{ limit: 4096 }, "InvalidArgument"],
      [{ limit: 64 * MiB, swap: 32 * MiB }, "InvalidSpec"],
    ];
    for (const [given, code] of table) {
      const error = assertThrows(() => written(controller, memory(given)), ContainerError);
      assertEquals(error.code, code);
    }
  }
});

Deno.test("memory: checkBeforeUpdate refuses a limit below what is in use", () => {
  const given = memory({ limit: 64 * MiB, checkBeforeUpdate: true });
  const table = [[memoryV1, "memory.usage_in_bytes"], [memoryV2, "memory.current"]] as const;
  for (const [controller, file] of table) {
    assertThrows(
      () => written(controller, given, { [file]: `${65 * MiB}` }),
      ContainerError,
      "68157440 are in use",
    );
    assertEquals(written(controller, given, { [file]: `${63 * MiB}` }).length, 1);
  }
});

Deno.test("cpu v1: period and burst before the quota; an old quota is lifted first", () => {
  const resources = cpu({ shares: 512, quota: 50000, period: 100000, burst: 1000 });
  const expected = ["cpu.cfs_period_us=100000", "cpu.cfs_burst_us=1000", "cpu.cfs_quota_us=50000"];
  assertEquals(written(cpuV1, resources), ["cpu.shares=512", ...expected]);
  assertEquals(written(cpuV1, resources, { "cpu.cfs_quota_us": "20000" }), [
    "cpu.shares=512",
    "cpu.cfs_quota_us=-1",
    ...expected,
  ]);
  assertEquals(written(cpuV1, cpu({ period: 50000 }), { "cpu.cfs_quota_us": "20000" }), [
    "cpu.cfs_quota_us=-1",
    "cpu.cfs_period_us=50000",
    "cpu.cfs_quota_us=20000",
  ]);
});

Deno.test("cpu v1: realtime, period first", () => {
  assertEquals(written(cpuV1, cpu({ realtimeRuntime: 9500, realtimePeriod: 1000000 })), [
    "cpu.rt_period_us=1000000",
    "cpu.rt_runtime_us=9500",
  ]);
});

Deno.test("cpu: idle last, busy first, in both versions", () => {
  assertEquals(written(cpuV1, cpu({ shares: 1024, idle: 1 })), ["cpu.shares=1024", "cpu.idle=1"]);
  assertEquals(written(cpuV1, cpu({ shares: 1024, idle: 0 })), ["cpu.idle=0", "cpu.shares=1024"]);
  assertEquals(written(cpuV2, cpu({ shares: 1024, idle: 1 })), ["cpu.weight=100", "cpu.idle=1"]);
  assertEquals(written(cpuV2, cpu({ shares: 1024, idle: 0 })), ["cpu.idle=0", "cpu.weight=100"]);
});

Deno.test("cpu v2: quota and period are one value", () => {
  const table: [Resources["cpu"] & object, Record<string, string>, string[]][] = [
    [{ quota: 50000, period: 100000 }, {}, ["cpu.max=50000 100000"]],
    [{ quota: 50000 }, {}, ["cpu.max=50000"]],
    [{ quota: -1 }, {}, ["cpu.max=max"]],
    [{ period: 50000 }, {}, ["cpu.max=max 50000"]],
    [{ period: 50000 }, { "cpu.max": "20000 100000" }, ["cpu.max=20000 50000"]],
    [{ quota: 50000, burst: 5000 }, {}, ["cpu.max=50000", "cpu.max.burst=5000"]],
    [{ quota: 50000, burst: 5000 }, { "cpu.max.burst": "70000" }, [
      "cpu.max.burst=0",
      "cpu.max=50000",
      "cpu.max.burst=5000",
    ]],
    [{ realtimeRuntime: 1, realtimePeriod: 2 }, {}, [
      "!cpu.realtimePeriod",
      "!cpu.realtimeRuntime",
    ]],
  ];
  for (const [given, files, expected] of table) {
    assertEquals(written(cpuV2, cpu(given), files), expected);
  }
});

Deno.test("cpuset, pids, hugetlb, rdma, network", () => {
  assertEquals(written(cpuset, cpu({ cpus: "0-1", mems: "0" })), [
    "cpuset.cpus=0-1",
    "cpuset.mems=0",
  ]);
  const limits = [-1, 0, 100].flatMap((limit) => written(pids, { pids: { limit } }));
  assertEquals(limits, ["pids.max=max", "pids.max=0", "pids.max=100"]);
  assertEquals(written(pids, { pids: {} }), []);
  const hugepageLimits = [{ pageSize: "2MB", limit: 4194304 }];
  assertEquals(written(hugetlbController("max"), { hugepageLimits }), [
    "hugetlb.2MB.rsvd.max=4194304",
    "hugetlb.2MB.max=4194304",
  ]);
  assertEquals(written(rdma, { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 } } }), [
    "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
  ]);
  const network = { classID: 1048577, priorities: [{ name: "eth0", priority: 500 }] };
  assertEquals(written(netCls, { network }), ["net_cls.classid=1048577"]);
  assertEquals(written(netPrio, { network }), ["net_prio.ifpriomap=eth0 500"]);
});

Deno.test("blockIO in both versions", () => {
  const blockIO = {
    weight: 500,
    leafWeight: 300,
    weightDevice: [{ major: 8, minor: 0, weight: 100, leafWeight: 200 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 600 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
  };
  assertEquals(written(blkio, { blockIO }), [
    "blkio.weight|blkio.bfq.weight=500",
    "blkio.leaf_weight=300",
    "blkio.weight_device|blkio.bfq.weight_device=8:0 100",
    "blkio.leaf_weight_device=8:0 200",
    "blkio.throttle.read_bps_device=8:0 600",
    "blkio.throttle.write_iops_device=8:16 0",
  ]);
  assertEquals(written(io, { blockIO }), [
    "io.weight=default 4950",
    "!blockIO.leafWeight",
    "io.weight=8:0 910",
    "!blockIO.weightDevice",
    "io.max=8:0 rbps=600",
    "io.max=8:16 wiops=max",
  ]);
  assertEquals(written(io, { blockIO }, { "io.bfq.weight": "default 100" }).slice(0, 3), [
    "io.bfq.weight=default 500",
    "!blockIO.leafWeight",
    "io.bfq.weight=8:0 100",
  ]);
});

Deno.test("unified: files by their names, and the controller that each needs", () => {
  assertEquals(unifiedSettings({ "memory.high": "64M", "hugetlb.2MB.max": "0" }), [
    { field: "unified.memory.high", file: "memory.high", value: "64M" },
    { field: "unified.hugetlb.2MB.max", file: "hugetlb.2MB.max", value: "0" },
  ]);
  assertEquals(controllerOf("memory.high"), "memory");
  assertEquals(controllerOf("cgroup.max.depth"), undefined);
});

Deno.test("what the specification forbids is refused", () => {
  const table: (() => unknown)[] = [
    () => unifiedSettings({ "../memory.max": "1" }),
    () => unifiedSettings({ "a/b": "1" }),
    () => unifiedSettings({ "..": "1" }),
    () => written(hugetlbController("max"), { hugepageLimits: [{ pageSize: "2M", limit: 1 }] }),
    () => written(rdma, { rdma: { mlx5_1: {} } }),
    () => written(rdma, { rdma: { "a b": { hcaHandles: 1 } } }),
    () => written(netPrio, { network: { priorities: [{ name: "a b", priority: 1 }] } }),
    () => written(blkio, { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } }),
    () => written(io, { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } }),
  ];
  for (const attempt of table) {
    assertEquals(assertThrows(attempt, ContainerError).code, "InvalidSpec");
  }
});
