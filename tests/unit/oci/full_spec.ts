import type { Spec } from "../../../lib/oci/spec.ts";

/** The least that a container can be made of. */
export function smallSpec(): Spec {
  return {
    ociVersion: "1.3.0",
    root: { path: "rootfs" },
    process: { cwd: "/", args: ["sh"] },
    linux: { namespaces: [{ type: "mount" }] },
  };
}

/** A valid configuration that sets every member that the specification knows on Linux. */
export function fullSpec(): Spec {
  const hook = (name: string) => ({
    path: `/usr/libexec/${name}`,
    args: [name, "--verbose", ""],
    env: ["LEVEL=3", "EMPTY="],
    timeout: 30,
  });
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/", type: "overlay", source: "overlay", options: ["lowerdir=/a:/b"] },
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec"] },
      {
        destination: "/data",
        type: "none",
        source: "data",
        options: ["rbind", "rro", "rprivate", "ridmap"],
        uidMappings: [{ containerID: 0, hostID: 5000, size: 10 }],
        gidMappings: [{ containerID: 0, hostID: 5000, size: 10 }],
      },
      { destination: "/cache", type: "tmpfs", options: ["tmpcopyup", "size=10m"] },
    ],
    process: {
      terminal: true,
      consoleSize: { height: 25, width: 80 },
      cwd: "/srv",
      env: ["PATH=/bin:/usr/bin", "A=b=c"],
      args: ["server", "--port", "80"],
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
        { type: "RLIMIT_CORE", soft: 0, hard: 2n ** 64n - 1n },
      ],
      apparmorProfile: "container-default",
      selinuxLabel: "system_u:system_r:container_t:s0:c1,c2",
      capabilities: {
        bounding: ["CAP_CHOWN", "CAP_KILL"],
        effective: ["CAP_CHOWN"],
        inheritable: ["CAP_KILL"],
        permitted: ["CAP_CHOWN", "CAP_KILL"],
        ambient: ["CAP_KILL"],
      },
      noNewPrivileges: true,
      oomScoreAdj: -500,
      scheduler: {
        policy: "SCHED_DEADLINE",
        nice: 5,
        priority: 0,
        flags: ["SCHED_FLAG_RESET_ON_FORK"],
        runtime: 10_000_000,
        deadline: 20_000_000,
        period: 30_000_000,
      },
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
      execCPUAffinity: { initial: "0", final: "0-3,7" },
      user: { uid: 1000, gid: 100, umask: 0o27, additionalGids: [5, 6] },
    },
    hostname: "web-1",
    domainname: "example.org",
    hooks: {
      prestart: [hook("a")],
      createRuntime: [hook("b"), hook("c")],
      createContainer: [hook("d")],
      startContainer: [hook("e")],
      poststart: [hook("f")],
      poststop: [hook("g")],
    },
    annotations: { "org.example.key": "value", "org.example.empty": "" },
    linux: {
      devices: [
        { type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 5 },
        { type: "b", path: "/dev/sda", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
        { type: "p", path: "/run/pipe", fileMode: 0o600 },
      ],
      uidMappings: [
        { containerID: 0, hostID: 100_000, size: 65_536 },
        { containerID: 65_536, hostID: 1000, size: 1 },
      ],
      gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
      sysctl: { "net.ipv4.ip_forward": "1", "kernel/shmmax": "65536", "fs.mqueue.msg_max": "20" },
      cgroupsPath: "/pods/web-1",
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
        ],
        memory: {
          limit: 536_870_912,
          reservation: 268_435_456,
          swap: 1_073_741_824,
          kernel: -1,
          kernelTCP: -1,
          swappiness: 10,
          disableOOMKiller: false,
          useHierarchy: true,
          checkBeforeUpdate: true,
        },
        cpu: {
          shares: 1024,
          quota: 50_000,
          burst: 10_000,
          period: 100_000,
          realtimeRuntime: 950_000,
          realtimePeriod: 1_000_000,
          cpus: "0-1",
          mems: "0",
          idle: 0,
        },
        pids: { limit: 100 },
        blockIO: {
          weight: 500,
          leafWeight: 300,
          weightDevice: [{ major: 8, minor: 0, weight: 500, leafWeight: 300 }],
          throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1_048_576 }],
          throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2n ** 64n - 1n }],
          throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 600 }],
          throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 300 }],
        },
        hugepageLimits: [{ pageSize: "2MB", limit: 209_715_200 }],
        network: { classID: 1_048_577, priorities: [{ name: "eth0", priority: 500 }] },
        rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 } },
        unified: { "memory.high": "1048576", "io.bfq.weight": "100" },
      },
      rootfsPropagation: "slave",
      seccomp: {
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrnoRet: 38,
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        flags: ["SECCOMP_FILTER_FLAG_LOG"],
        listenerPath: "/run/agent.sock",
        listenerMetadata: "anything",
        syscalls: [
          { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
          {
            names: ["personality"],
            action: "SCMP_ACT_ERRNO",
            errnoRet: 1,
            args: [{
              index: 0,
              value: 2n ** 64n - 1n,
              valueTwo: 8,
              op: "SCMP_CMP_MASKED_EQ",
            }],
          },
        ],
      },
      namespaces: [
        { type: "mount" },
        { type: "pid" },
        { type: "network", path: "/run/netns/web" },
        { type: "ipc" },
        { type: "uts" },
        { type: "user" },
        { type: "cgroup" },
        { type: "time" },
      ],
      timeOffsets: {
        monotonic: { secs: 172_800, nanosecs: 5 },
        boottime: { secs: -3600, nanosecs: 999_999_999 },
      },
      netDevices: { eth7: { name: "net%d" } },
      maskedPaths: ["/proc/kcore"],
      readonlyPaths: ["/proc/sys"],
      mountLabel: "system_u:object_r:container_file_t:s0:c1,c2",
      intelRdt: {
        closID: "gold",
        schemata: ["L2:0=f;1=f"],
        l3CacheSchema: "L3:0=7f0;1=1f",
        memBwSchema: "MB:0=20;1=70",
        enableMonitoring: true,
      },
      memoryPolicy: {
        mode: "MPOL_INTERLEAVE",
        nodes: "0-1",
        flags: ["MPOL_F_STATIC_NODES"],
      },
      personality: { domain: "LINUX32", flags: [] },
    },
  };
}
