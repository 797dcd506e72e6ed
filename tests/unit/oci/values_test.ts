/** Values of the right type that are wrong nevertheless, and what fields demand of each other. */
import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import type { Spec } from "../../../lib/oci/spec.ts";
import { validateProcess, validateResources, validateSpec } from "../../../lib/oci/validate/mod.ts";
import { fullSpec } from "./full_spec.ts";
import { find } from "./structure.ts";

/** The full configuration with some values changed; undefined removes one. */
function changed(changes: Readonly<Record<string, unknown>>): Spec {
  const spec = fullSpec();
  for (const [path, value] of Object.entries(changes)) {
    const place = find(spec, path)[0]!;
    if (value === undefined) delete place.parent[place.name];
    else place.parent[place.name] = value;
  }
  return spec;
}

function refusal(changes: Readonly<Record<string, unknown>>): string {
  const error = assertThrows(() => validateSpec(changed(changes)), ContainerError);
  assertEquals(error.code, "InvalidSpec");
  return error.message;
}

/** The first place of a pattern is changed; the message is what follows `config.json: `. */
const BAD: readonly (readonly [changes: Readonly<Record<string, unknown>>, message: string])[] = [
  // config.md
  [{ ociVersion: "1" }, 'ociVersion: expected a version such as "1.2.0", got "1"'],
  [{ ociVersion: "1.2" }, 'ociVersion: expected a version such as "1.2.0", got "1.2"'],
  [{ ociVersion: "v1.2.0" }, 'ociVersion: expected a version such as "1.2.0", got "v1.2.0"'],
  [{ ociVersion: "1.02.0" }, 'ociVersion: expected a version such as "1.2.0", got "1.02.0"'],
  [{ ociVersion: "0.2.0" }, 'ociVersion: expected a version from 1.0.0 to 1.3.0, got "0.2.0"'],
  [
    { ociVersion: "1.0.0-rc5" },
    'ociVersion: expected a version from 1.0.0 to 1.3.0, got "1.0.0-rc5"',
  ],
  [{ ociVersion: "1.4.0" }, 'ociVersion: expected a version from 1.0.0 to 1.3.0, got "1.4.0"'],
  [{ ociVersion: "2.0.0" }, 'ociVersion: expected a version from 1.0.0 to 1.3.0, got "2.0.0"'],
  [{ "root.path": "" }, 'root.path: expected a string that is not empty, got ""'],
  [{ "root.path": "/" }, 'root.path: expected a folder other than "/", got "/"'],
  [{ "root.path": "/.././/" }, 'root.path: expected a folder other than "/", got "/.././/"'],
  [
    { "mounts[].destination": "" },
    'mounts[0].destination: expected a string that is not empty, got ""',
  ],
  [
    { "mounts[].type": undefined },
    "mounts[0].type: required but missing, except for a bind mount",
  ],
  [{ "mounts[].type": "" }, "mounts[0].type: required but missing, except for a bind mount"],
  [
    { "mounts[].type": "bind" },
    'mounts[0].options: type "bind" needs "bind" or "rbind" among the options',
  ],
  [
    { "mounts[].options": ["bind"], "mounts[].source": undefined },
    "mounts[0].source: required for a bind mount but missing",
  ],
  [
    { "mounts[].options": ["tmpcopyup"] },
    'mounts[0].options: "tmpcopyup" is for type "tmpfs" only',
  ],
  [
    { "mounts[].uidMappings": [{ containerID: 0, hostID: 0, size: 1 }] },
    "mounts[0].gidMappings: required together with uidMappings but missing",
  ],
  [
    { "mounts[].gidMappings": [{ containerID: 0, hostID: 0, size: 1 }] },
    "mounts[0].uidMappings: required together with gidMappings but missing",
  ],
  [
    {
      "linux.namespaces": [{ type: "mount" }, { type: "uts" }, { type: "network" }, {
        type: "ipc",
      }],
      "linux.uidMappings": undefined,
      "linux.gidMappings": undefined,
      "linux.timeOffsets": undefined,
      "mounts[].options": ["bind", "idmap"],
    },
    'mounts[0].options: an id-mapped mount needs uidMappings and gidMappings, or a "user" namespace',
  ],
  [
    { "mounts[].options": ["bind", "idmap=true"] },
    'mounts[0].options: expected idmap=uids=FILE-HOST-SIZE;gids=FILE-HOST-SIZE, got "idmap=true"',
  ],
  [
    { "mounts[].options": ["bind", "idmap=uids=0-1"] },
    'mounts[0].options: expected a mapping FILE-HOST-SIZE, got "0-1"',
  ],
  [
    {
      "linux.uidMappings": [{ containerID: 0, hostID: 1000, size: 10 }],
      "mounts[].options": ["bind", "idmap=uids=@0-8-3"],
    },
    'mounts[0].options: "@0-8-3" leads to ids that no mapping of the container has all of',
  ],
  [
    {
      "mounts[].options": ["bind", "idmap=uids=0-1-1"],
      "mounts[].uidMappings": [{ containerID: 0, hostID: 0, size: 1 }],
      "mounts[].gidMappings": [{ containerID: 0, hostID: 0, size: 1 }],
    },
    "mounts[0].options: uidMappings and the option idmap=… are two mappings: leave one out",
  ],
  [
    { "process.cwd": "srv" },
    'process.cwd: expected an absolute path (it begins with "/"), got "srv"',
  ],
  [{ "process.cwd": "" }, 'process.cwd: expected an absolute path (it begins with "/"), got ""'],
  [
    { "process.args": [] },
    "process.args: expected at least the program's name, got an empty array",
  ],
  [
    { "process.env[]": "PATH" },
    'process.env[0]: expected a variable of the form "NAME=value", got "PATH"',
  ],
  [
    { "process.env[]": "=value" },
    'process.env[0]: expected a variable of the form "NAME=value", got "=value"',
  ],
  [
    { "process.consoleSize.width": 70_000 },
    "process.consoleSize.width: expected a number of characters from 0 to 65535, got 70000",
  ],
  [
    { "process.rlimits[].soft": 5000 },
    "process.rlimits[0].soft: expected at most the hard limit, 4096, got 5000",
  ],
  [
    {
      "process.rlimits": [
        { type: "RLIMIT_CPU", soft: 1, hard: 1 },
        { type: "RLIMIT_AS", soft: 1, hard: 1 },
        { type: "RLIMIT_CPU", soft: 2, hard: 2 },
      ],
    },
    'process.rlimits[2].type: "RLIMIT_CPU" is limited by [0] already',
  ],
  [
    { "process.selinuxLabel": "a\nb" },
    'process.selinuxLabel: expected a single line of text, got "a\\nb"',
  ],
  [
    { "process.apparmorProfile": "a\nb" },
    'process.apparmorProfile: expected a single line of text, got "a\\nb"',
  ],
  [
    { "process.scheduler": { policy: "SCHED_FIFO" } },
    'process.scheduler.priority: expected a static priority from 1 to 99 for "SCHED_FIFO", got 0',
  ],
  [
    { "process.scheduler": { policy: "SCHED_OTHER", priority: 1 } },
    'process.scheduler.priority: expected 0 for all policies but "SCHED_FIFO" and "SCHED_RR", got 1',
  ],
  [
    { "process.scheduler": { policy: "SCHED_BATCH", period: 1 } },
    'process.scheduler.period: expected 0 for all policies but "SCHED_DEADLINE", got 1',
  ],
  [
    { "process.scheduler.runtime": 0 },
    "process.scheduler.runtime: expected a number of nanoseconds above 0, got 0",
  ],
  [
    { "process.scheduler.runtime": 2n ** 63n },
    "process.scheduler.runtime: expected at most the deadline, 20000000, got 9223372036854775808",
  ],
  [
    { "process.scheduler.deadline": 40_000_000 },
    "process.scheduler.deadline: expected at most the period, 30000000, got 40000000",
  ],
  [
    { "process.execCPUAffinity.final": "0-" },
    'process.execCPUAffinity.final: expected a list of numbers and ranges below 8192 such as "0-3,7", got "0-"',
  ],
  [
    { hostname: "é".repeat(33) },
    `hostname: expected a name of at most 64 bytes, got "${"é".repeat(33)}"`,
  ],
  [
    { domainname: "a".repeat(65) },
    `domainname: expected a name of at most 64 bytes, got "${"a".repeat(65)}"`,
  ],
  [
    { "linux.namespaces": [{ type: "mount" }] },
    'linux.uidMappings: needs a "user" namespace',
  ],
  [
    {
      "linux.namespaces": [
        ...["mount", "network", "ipc", "user", "time"].map((type) => ({ type })),
      ],
    },
    'hostname: needs a "uts" namespace, or it would rename the host',
  ],
  [
    { linux: undefined, hostname: undefined },
    'domainname: needs a "uts" namespace, or it would rename the host',
  ],
  [
    { "hooks.poststop[].path": "cleanup" },
    'hooks.poststop[0].path: expected an absolute path (it begins with "/"), got "cleanup"',
  ],
  [
    { "hooks.prestart[].env[]": "X" },
    'hooks.prestart[0].env[0]: expected a variable of the form "NAME=value", got "X"',
  ],
  [
    { "hooks.prestart[].timeout": 0 },
    "hooks.prestart[0].timeout: expected a number of seconds from 1 to 2147483647, got 0",
  ],
  [{ annotations: { "": "x" } }, 'annotations: expected a name that is not empty, got ""'],
  // config-linux.md
  [
    { "linux.devices[].path": "dev/fuse" },
    'linux.devices[0].path: expected an absolute path (it begins with "/"), got "dev/fuse"',
  ],
  [
    { "linux.devices[].major": undefined },
    'linux.devices[0].major: required for type "c" but missing',
  ],
  [{ "linux.devices[].minor": null }, 'linux.devices[0].minor: required for type "c" but missing'],
  [
    { "linux.devices[].path": "/dev/sda" },
    "linux.devices[1].path: is another device by [0] already",
  ],
  [
    { "linux.uidMappings[].size": 65_537 },
    "linux.uidMappings[1].containerID: overlaps the ids of [0]",
  ],
  [
    {
      "linux.uidMappings": [
        { containerID: 0, hostID: 990, size: 100 },
        { containerID: 100, hostID: 1000, size: 1 },
      ],
    },
    "linux.uidMappings[1].hostID: overlaps the ids of [0]",
  ],
  [
    { "linux.uidMappings[].hostID": 4_294_967_290 },
    "linux.uidMappings[0]: ends beyond the last id of the host, 4294967294",
  ],
  [
    { "linux.gidMappings[].containerID": 4_294_967_290 },
    "linux.gidMappings[0]: ends beyond the last id, 4294967294",
  ],
  [
    {
      "linux.gidMappings": Array.from({ length: 341 }, (_, i) => ({
        containerID: i,
        hostID: i,
        size: 1,
      })),
    },
    "linux.gidMappings: expected at most 340 mappings, got 341",
  ],
  [
    { "linux.gidMappings": undefined },
    "linux.gidMappings: required for a new user namespace but missing",
  ],
  [{ "linux.uidMappings": [] }, "linux.uidMappings: required for a new user namespace but missing"],
  [
    { "linux.cgroupsPath": "../other" },
    'linux.cgroupsPath: expected a path without "..", got "../other"',
  ],
  [
    { "linux.cgroupsPath": "/a/../../b" },
    'linux.cgroupsPath: expected a path without "..", got "/a/../../b"',
  ],
  [
    { "linux.namespaces": [{ type: "pid" }, { type: "mount" }, { type: "pid", path: "/x" }] },
    'linux.namespaces[2].type: "pid" is there as [0] already',
  ],
  [
    { "linux.namespaces[].path": "proc/1/ns/mnt" },
    'linux.namespaces[0].path: expected an absolute path (it begins with "/"), got "proc/1/ns/mnt"',
  ],
  [
    { "linux.timeOffsets": { realtime: { secs: 1 } } },
    'linux.timeOffsets: expected the clock "monotonic" or "boottime", got "realtime"',
  ],
  [
    {
      "linux.namespaces": ["mount", "network", "ipc", "uts", "user"].map((type) => ({ type })),
    },
    'linux.timeOffsets: needs a "time" namespace',
  ],
  [
    {
      "linux.namespaces": [
        ...["mount", "network", "ipc", "uts", "user"].map((type) => ({ type })),
        { type: "time", path: "/proc/5/ns/time" },
      ],
    },
    "linux.timeOffsets: cannot be set for a time namespace that is joined",
  ],
  [
    {
      "linux.namespaces": ["mount", "ipc", "uts", "user", "time"].map((type) => ({ type })),
    },
    'linux.netDevices: needs a "network" namespace',
  ],
  [
    {
      "linux.namespaces": ["network", "ipc", "uts", "user", "time"].map((type) => ({ type })),
    },
    'linux.maskedPaths: needs a "mount" namespace',
  ],
  [
    {
      "linux.maskedPaths": [],
      "linux.namespaces": ["network", "ipc", "uts", "user", "time"].map((type) => ({ type })),
    },
    'linux.readonlyPaths: needs a "mount" namespace',
  ],
  [
    { "linux.netDevices": { "a/b": {} } },
    'linux.netDevices: expected the name of a network device of at most 15 bytes, got "a/b"',
  ],
  [
    { "linux.netDevices": { ".": {} } },
    'linux.netDevices: expected the name of a network device of at most 15 bytes, got "."',
  ],
  [
    { "linux.netDevices": { abcdefghijklmnop: {} } },
    'linux.netDevices: expected the name of a network device of at most 15 bytes, got "abcdefghijklmnop"',
  ],
  [
    { "linux.netDevices.*.name": "a%d%d" },
    'linux.netDevices.eth7.name: expected the name of a network device of at most 15 bytes, maybe with one "%d", got "a%d%d"',
  ],
  [
    { "linux.netDevices.*.name": "a%s" },
    'linux.netDevices.eth7.name: expected the name of a network device of at most 15 bytes, maybe with one "%d", got "a%s"',
  ],
  [
    { "linux.netDevices": { eth0: { name: "eth1" }, eth1: {} } },
    'linux.netDevices.eth1.name: "eth1" is the name that "eth0" gets already',
  ],
  [
    { "linux.maskedPaths[]": "proc/kcore" },
    'linux.maskedPaths[0]: expected an absolute path (it begins with "/"), got "proc/kcore"',
  ],
  [
    { "linux.readonlyPaths[]": "" },
    'linux.readonlyPaths[0]: expected an absolute path (it begins with "/"), got ""',
  ],
  [
    { "linux.mountLabel": 'a",exec,context="b' },
    'linux.mountLabel: expected a label without quotes, got "a\\",exec,context=\\"b"',
  ],
  [
    { "linux.intelRdt.closID": ".." },
    'linux.intelRdt.closID: expected a name without "/", or "/" itself, got ".."',
  ],
  [
    { "linux.intelRdt.closID": "a/b" },
    'linux.intelRdt.closID: expected a name without "/", or "/" itself, got "a/b"',
  ],
  [
    { "linux.intelRdt.memBwSchema": "L3:0=f" },
    'linux.intelRdt.memBwSchema: expected a line that begins with "MB:", got "L3:0=f"',
  ],
  [
    { "linux.intelRdt.schemata[]": "L3:0=f\nMB:0=10" },
    'linux.intelRdt.schemata[0]: expected a single line of text, got "L3:0=f\\nMB:0=10"',
  ],
  [
    { "linux.intelRdt.l3CacheSchema": "L3:0=f\n" },
    'linux.intelRdt.l3CacheSchema: expected a single line of text, got "L3:0=f\\n"',
  ],
  [
    { "linux.memoryPolicy": { mode: "MPOL_BIND" } },
    'linux.memoryPolicy.nodes: required for "MPOL_BIND" but missing',
  ],
  [
    { "linux.memoryPolicy": { mode: "MPOL_LOCAL", nodes: "0" } },
    'linux.memoryPolicy.nodes: expected no nodes for "MPOL_LOCAL", got "0"',
  ],
  [
    { "linux.memoryPolicy.flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
    "linux.memoryPolicy.flags: the nodes are either relative or static, not both",
  ],
  [
    { "linux.personality.flags": ["ADDR_NO_RANDOMIZE"] },
    'linux.personality.flags[0]: expected no flags, as there are none yet, got "ADDR_NO_RANDOMIZE"',
  ],
  // Control groups
  [
    { "linux.resources.devices[].access": "rwx" },
    'linux.resources.devices[0].access: expected letters of "rwm", each once, got "rwx"',
  ],
  [
    { "linux.resources.devices[].access": "rr" },
    'linux.resources.devices[0].access: expected letters of "rwm", each once, got "rr"',
  ],
  [
    { "linux.resources.devices[].type": "p" },
    'linux.resources.devices[0].type: expected one of "a", "c", "b", got "p"',
  ],
  [
    { "linux.resources.memory.swap": 1000 },
    "linux.resources.memory.swap: expected at least the memory limit, 536870912, got 1000",
  ],
  [
    { "linux.resources.cpu.period": "x" },
    'linux.resources.cpu.period: expected a number of microseconds from 1000 to 1000000, got "x"',
  ],
  [
    { "linux.resources.cpu.period": 999 },
    "linux.resources.cpu.period: expected a number of microseconds from 1000 to 1000000, got 999",
  ],
  [
    { "linux.resources.cpu.quota": 999 },
    "linux.resources.cpu.quota: expected 1000 microseconds or more, or -1 for unlimited, got 999",
  ],
  [
    { "linux.resources.cpu.burst": 50_001 },
    "linux.resources.cpu.burst: expected at most the quota, 50000, got 50001",
  ],
  [
    { "linux.resources.cpu.cpus": "3-1" },
    'linux.resources.cpu.cpus: expected a list of numbers and ranges below 8192 such as "0-3,7", got "3-1"',
  ],
  [
    { "linux.resources.cpu.mems": "0,,1" },
    'linux.resources.cpu.mems: expected a list of numbers and ranges below 8192 such as "0-3,7", got "0,,1"',
  ],
  [
    { "linux.resources.blockIO.weight": 9 },
    "linux.resources.blockIO.weight: expected a weight from 10 to 1000, got 9",
  ],
  [
    { "linux.resources.blockIO.weightDevice[]": { major: 8, minor: 0 } },
    "linux.resources.blockIO.weightDevice[0]: weight or leafWeight is required but missing",
  ],
  [
    { "linux.resources.hugepageLimits[].pageSize": "2MiB" },
    'linux.resources.hugepageLimits[0].pageSize: expected a page size such as "64KB", "2MB" or "1GB", got "2MiB"',
  ],
  [
    { "linux.resources.hugepageLimits[].pageSize": "../x" },
    'linux.resources.hugepageLimits[0].pageSize: expected a page size such as "64KB", "2MB" or "1GB", got "../x"',
  ],
  [
    { "linux.resources.network.priorities[].name": "eth0 9" },
    'linux.resources.network.priorities[0].name: expected the name of a network device, got "eth0 9"',
  ],
  [
    { "linux.resources.rdma": { mlx5_1: {} } },
    "linux.resources.rdma.mlx5_1: hcaHandles or hcaObjects is required but missing",
  ],
  [
    { "linux.resources.rdma": { "a hca_handle=9": { hcaHandles: 1 } } },
    'linux.resources.rdma: expected the name of an RDMA device, got "a hca_handle=9"',
  ],
  ...["../memory.max", "a/b.c", "memory", "", ".", "..", "memory.max\n", ".max", "memory."].map(
    (name) =>
      [
        { "linux.resources.unified": { [name]: "1" } },
        `linux.resources.unified: expected the name of a cgroup v2 file such as "memory.max", got ${
          JSON.stringify(name)
        }`,
      ] as const,
  ),
  // Sysctl
  ...[
    "kernel.core_pattern",
    "vm.swappiness",
    "kernel.shm_rmid_forced=1+kernel.core_pattern",
    "kernel.shmmax ",
    "kernel.shmmax\n",
    "kernel.msg",
    "kernel.msgmax.x",
    "kernel",
    "net",
    "net.",
    "fs.mqueue",
    "fs.file-max",
    "net/../kernel/core_pattern",
    "net.ipv4/../../kernel.x",
    "net..ipv4",
    "/net/ipv4/ip_forward",
    "",
  ].map((name) =>
    [
      { "linux.sysctl": { [name]: "1" } },
      `linux.sysctl[${JSON.stringify(name)}]: no parameter that a container has for itself`
        .replace('["kernel"]', ".kernel").replace('["net"]', ".net"),
    ] as const
  ),
  [
    { "linux.sysctl": { "kernel.hostname": "x" } },
    'linux.sysctl["kernel.hostname"]: set hostname instead',
  ],
  ...[
    ["net.core.somaxconn", "network"],
    ["kernel/sem", "ipc"],
    ["fs.mqueue.queues_max", "ipc"],
    ["kernel.domainname", "uts"],
    ["user.max_user_namespaces", "user"],
  ].map(([name, type]) =>
    [
      {
        "linux.sysctl": { [name!]: "1" },
        "linux.namespaces": [{ type: "mount" }],
        "linux.uidMappings": undefined,
        "linux.gidMappings": undefined,
        "linux.timeOffsets": undefined,
        "linux.netDevices": undefined,
      },
      `linux.sysctl["${name}"]: needs a "${type}" namespace, or it would change the host's`,
    ] as const
  ),
  // Seccomp
  [
    { "linux.seccomp.defaultAction": "SCMP_ACT_ALLOW" },
    'linux.seccomp.defaultErrnoRet: "SCMP_ACT_ALLOW" returns no error number',
  ],
  [
    { "linux.seccomp.syscalls[].errnoRet": 1 },
    'linux.seccomp.syscalls[0].errnoRet: "SCMP_ACT_ALLOW" returns no error number',
  ],
  [
    { "linux.seccomp.syscalls[].names": [] },
    "linux.seccomp.syscalls[0].names: expected the name of a system call at least, got an empty array",
  ],
  [
    { "linux.seccomp.listenerPath": undefined },
    "linux.seccomp.listenerMetadata: of no use without listenerPath",
  ],
  [
    { "linux.seccomp.listenerPath": "agent.sock" },
    'linux.seccomp.listenerPath: expected an absolute path (it begins with "/"), got "agent.sock"',
  ],
];

Deno.test("values that cannot be are refused, each with its field and what is right", () => {
  for (const [changes, message] of BAD) assertEquals(refusal(changes), `config.json: ${message}`);
});

Deno.test("every enumeration refuses what is not in it, and tells what is", () => {
  const patterns = [
    "process.rlimits[].type",
    "process.scheduler.policy",
    "process.scheduler.flags[]",
    "process.ioPriority.class",
    "linux.devices[].type",
    "linux.rootfsPropagation",
    "linux.seccomp.defaultAction",
    "linux.seccomp.architectures[]",
    "linux.seccomp.flags[]",
    "linux.seccomp.syscalls[].action",
    "linux.seccomp.syscalls[].args[].op",
    "linux.namespaces[].type",
    "linux.memoryPolicy.mode",
    "linux.memoryPolicy.flags[]",
    "linux.personality.domain",
  ];
  for (const pattern of patterns) {
    const right = find(fullSpec(), pattern)[0]!.value as string;
    for (const wrong of ["nonsense", right.toLowerCase() + "x", `${right} `, "toString"]) {
      const message = refusal({ [pattern]: wrong });
      const known = message.slice(message.indexOf("expected one of "));
      assertEquals(known.includes(`"${right}"`), true, message);
      assertEquals(message.endsWith(`, got ${JSON.stringify(wrong)}`), true, message);
    }
  }
});

Deno.test("values at the edge are taken", () => {
  const good: Record<string, unknown>[] = [
    ...["1.0.0", "1.0.2-dev", "1.1.0", "1.3.0-rc.1", "1.3.9", "1.2.1+dev.5"].map((ociVersion) => ({
      ociVersion,
    })),
    { "root.path": "/var/lib/x" },
    { "root.path": "." },
    { process: undefined },
    { "process.user": undefined },
    { "process.args": [""] },
    { "process.env": ["A=", "a b=c", "=x".padStart(3, "1")] },
    { "process.rlimits[].soft": 4096 },
    { "process.scheduler": { policy: "SCHED_RR", priority: 99 } },
    { "process.scheduler": { policy: "SCHED_ISO", nice: -20 } },
    { "process.execCPUAffinity.final": " 0 - 3 , 7 " },
    { "mounts[].options": ["remount", "ro"], "mounts[].type": undefined },
    { "mounts[].options": ["bind", "idmap"] },
    { hostname: "é".repeat(32) },
    { "linux.uidMappings": [{ containerID: 0, hostID: 0, size: 4_294_967_295 }] },
    { "linux.cgroupsPath": "system.slice:docker:1234" },
    { "linux.cgroupsPath": "relative/path" },
    { "linux.cgroupsPath": "/..a/b.." },
    { "linux.intelRdt.closID": "/" },
    { "linux.memoryPolicy": { mode: "MPOL_DEFAULT" } },
    { "linux.memoryPolicy": { mode: "MPOL_PREFERRED" } },
    { "linux.netDevices": { a: { name: "b" }, b: { name: "a" } } },
    { "linux.netDevices": { a: { name: "x%d" }, b: { name: "x%d" } } },
    { "linux.devices[].type": "u" },
    { "linux.resources.cpu.quota": -1 },
    { "linux.resources.cpu.quota": 2n ** 63n - 1n },
    { "linux.resources.memory.limit": -1, "linux.resources.memory.swap": -1 },
    { "linux.resources.memory.swap": 536_870_912 },
    { "linux.resources.memory.swap": -1 },
    { "linux.resources.pids.limit": 0 },
    { "linux.resources.pids.limit": -1 },
    { "linux.seccomp.defaultAction": "SCMP_ACT_TRACE" },
    {
      "linux.sysctl": { "net.ipv4.conf.eth0/100.forwarding": "1", "user.max_net_namespaces": "0" },
    },
    { "linux.sysctl": { "net/ipv4/conf/eth0.100/forwarding": "1", "kernel.domainname": "x" } },
    { hooks: { prestart: [] } },
    { annotations: {} },
  ];
  for (const changes of good) {
    const spec = changed(changes);
    assertEquals(validateSpec(spec), { spec: changed(changes), warnings: [] });
  }
});

Deno.test("what a bind mount cannot have is warned of", () => {
  const { warnings } = validateSpec(changed({ "mounts[].options": ["ro", "rbind", "size=1m"] }));
  assertEquals(warnings, [
    "config.json: mounts[0].options[2]: ignored, a bind mount has no options of its file system",
  ]);
});

Deno.test("what says nothing is removed", () => {
  const cases: [changes: Record<string, unknown>, gone: string][] = [
    ...[
      "hostname",
      "domainname",
      "process.apparmorProfile",
      "process.selinuxLabel",
      "process.execCPUAffinity.initial",
      "process.execCPUAffinity.final",
      "linux.cgroupsPath",
      "linux.rootfsPropagation",
      "linux.namespaces[].path",
      "linux.netDevices.*.name",
      "linux.mountLabel",
      "linux.intelRdt.closID",
      "linux.intelRdt.l3CacheSchema",
      "linux.intelRdt.memBwSchema",
      "linux.resources.cpu.cpus",
      "linux.resources.cpu.mems",
      "linux.resources.devices[].type",
      "linux.resources.devices[].access",
      "linux.seccomp.listenerMetadata",
    ].map((name) => [{ [name]: "" }, name] as [Record<string, unknown>, string]),
    ...[
      "linux.resources.cpu.shares",
      "linux.resources.cpu.quota",
      "linux.resources.cpu.period",
      "linux.resources.cpu.realtimePeriod",
      "linux.resources.memory.limit",
      "linux.resources.memory.reservation",
      "linux.resources.memory.swap",
      "linux.resources.blockIO.weight",
      "linux.resources.blockIO.leafWeight",
    ].map((name) => [{ [name]: 0 }, name] as [Record<string, unknown>, string]),
    [{ "linux.resources.memory.swappiness": 2n ** 64n - 1n }, "linux.resources.memory.swappiness"],
    [{ "linux.resources.devices[].major": -1 }, "linux.resources.devices[].major"],
    [{ "linux.resources.devices[].minor": -1 }, "linux.resources.devices[].minor"],
    [{ "mounts[].uidMappings": [], "mounts[].gidMappings": [] }, "mounts[].uidMappings"],
    [{ "process.terminal": false }, "process.consoleSize"],
    [
      { "process.terminal": undefined, "process.consoleSize": { height: 1e9, width: 0 } },
      "process.consoleSize",
    ],
  ];
  for (const [changes, gone] of cases) {
    const { spec } = validateSpec(changed(changes));
    const { parent, name } = find(spec, gone)[0]!;
    assertEquals(Object.hasOwn(parent, name), false, gone);
  }
});

Deno.test("what has another form is brought into the one that is used", () => {
  const value = (changes: Record<string, unknown>, pattern: string) =>
    find(validateSpec(changed(changes)).spec, pattern)[0]!.value;
  const shares = "linux.resources.cpu.shares";
  assertEquals(value({ [shares]: 2n ** 64n - 1n }, shares), 262_144);
  assertEquals(value({ [shares]: 262_145 }, shares), 262_144);
  const fileMode = "linux.devices[].fileMode";
  assertEquals(value({ [fileMode]: 0o20666 }, fileMode), 0o666);
});

Deno.test("warnings stop nothing", () => {
  const unknown = validateSpec(
    changed({ "process.capabilities.bounding": ["CAP_TEST", "CAP_KILL", "cap_chown"] }),
  );
  assertEquals(unknown.spec.process?.capabilities?.bounding, ["CAP_KILL"]);
  assertEquals(unknown.warnings, [
    'config.json: process.capabilities.bounding[0]: "CAP_TEST" is no capability that is known, so it is not granted',
    'config.json: process.capabilities.bounding[2]: "cap_chown" is no capability that is known, so it is not granted',
  ]);
  const warnings = (changes: Record<string, unknown>) => validateSpec(changed(changes)).warnings;
  assertEquals(warnings({ "mounts[].destination": "data" }), [
    'config.json: mounts[0].destination: relative to "/", which is deprecated: write an absolute path',
  ]);
  assertEquals(
    warnings({
      "linux.devices": [
        { type: "c", path: "/dev/a", major: 1, minor: 3 },
        { type: "u", path: "/dev/b", major: 1, minor: 3 },
        { type: "c", path: "/dev/a", major: 1, minor: 3 },
      ],
    }),
    ['config.json: linux.devices[1]: the same device as [0], "/dev/a"'],
  );
  const namespaces = [...fullSpec().linux!.namespaces!];
  namespaces[5] = { type: "user", path: "/proc/5/ns/user" };
  assertEquals(warnings({ "linux.namespaces": namespaces }), [
    "config.json: linux.uidMappings: ignored, the joined namespace has its own",
    "config.json: linux.gidMappings: ignored, the joined namespace has its own",
  ]);
  assertEquals(warnings({ "linux.intelRdt.l3CacheSchema": "L2:0=f" }), [
    'config.json: linux.intelRdt.l3CacheSchema: does not begin with "L3:"',
  ]);
  assertEquals(warnings({ "linux.resources.memory": { kernel: 50_000_000 } }), [
    "config.json: linux.resources.memory.kernel: ignored, Linux limits its own memory together with the rest: set limit",
  ]);
  assertEquals(warnings({ "linux.resources.memory": { kernel: -1 } }), []);
  const many = Array.from({ length: 10_000 }, (_, i) => `CAP_${i}`);
  assertEquals(warnings({ "process.capabilities.bounding": many }).length, 100);
});

Deno.test("a process and resources can be checked by themselves", () => {
  const { process } = fullSpec();
  assertEquals(validateProcess(structuredClone(process), "p.json"), {
    process: process!,
    warnings: [],
  });
  assertEquals(
    assertThrows(() => validateProcess({ args: ["x"] }, "p.json"), ContainerError).message,
    "p.json: cwd: required but missing",
  );
  assertEquals(
    assertThrows(() => validateProcess([], "p.json"), ContainerError).message,
    "p.json: expected an object, got an empty array",
  );
  const { resources } = validateResources({ memory: { limit: null }, cpu: null }, "r.json");
  assertEquals(resources, { memory: {} });
  assertEquals(
    assertThrows(() => validateResources({ pids: { limit: -2 } }, "r.json"), ContainerError)
      .message,
    "r.json: pids.limit: expected a number of tasks, or -1 for unlimited, from -1 to 9007199254740991, got -2",
  );
});

Deno.test("an error shows a long value cut short", () => {
  const message = refusal({ "process.cwd": "x".repeat(1_000_000) });
  assertEquals(message.length < 300, true);
  assertEquals(refusal({ "linux.resources.pids.limit": 10n ** 300n }).length < 300, true);
});
