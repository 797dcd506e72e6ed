import type { HookName } from "./hooks.ts";
import type { MemoryPolicyFlag, MemoryPolicyMode } from "./memory_policy.ts";
import type { NamespaceType } from "./namespaces.ts";
import type { PersonalityDomain } from "./personality.ts";
import type { RootfsPropagation } from "./propagation.ts";
import type { RlimitType } from "./rlimits.ts";
import type { IOPriorityClass, SchedulerFlag, SchedulerPolicy } from "./scheduling.ts";
import type {
  SeccompAction,
  SeccompArchitecture,
  SeccompFlag,
  SeccompOperator,
} from "./seccomp_names.ts";

export type { NamespaceType };

/**
 * The types of the OCI runtime specification 1.3.0 (config.md, config-linux.md, runtime.md), as they
 * are after validation: see validate/mod.ts, whose tables are held against these types.
 *
 * Integers that may exceed 2^53 (rlimits, seccomp operands, memory limits) are `number | bigint`:
 * see json.ts, which reads and writes them exactly.
 */

/** An integer of up to 64 bits. */
export type Integer = number | bigint;

/** config.json, the container's description. */
export interface Spec {
  ociVersion: string;
  root: Root;
  mounts?: Mount[];
  process?: Process;
  hostname?: string;
  domainname?: string;
  hooks?: Hooks;
  annotations?: Record<string, string>;
  linux?: Linux;
}

export interface Root {
  path: string;
  readonly?: boolean;
}

export interface Mount {
  destination: string;
  source?: string;
  type?: string;
  options?: string[];
  uidMappings?: IDMapping[];
  gidMappings?: IDMapping[];
}

export interface Process {
  terminal?: boolean;
  consoleSize?: ConsoleSize;
  cwd: string;
  env?: string[];
  args: string[];
  rlimits?: Rlimit[];
  apparmorProfile?: string;
  selinuxLabel?: string;
  capabilities?: Capabilities;
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  scheduler?: Scheduler;
  ioPriority?: IOPriority;
  execCPUAffinity?: CPUAffinity;
  /** Root with no further groups where it is missing. */
  user?: User;
}

/** Characters. */
export interface ConsoleSize {
  height: number;
  width: number;
}

export interface IOPriority {
  class: IOPriorityClass;
  /** From 0, the highest, to 7. */
  priority: number;
}

/** CPU lists, see list_format.ts. */
export interface CPUAffinity {
  initial?: string;
  final?: string;
}

export interface User {
  uid: number;
  gid: number;
  /** Octal in the kernel, a plain number in JSON. */
  umask?: number;
  additionalGids?: number[];
}

export interface Rlimit {
  type: RlimitType;
  soft: Integer;
  hard: Integer;
}

export interface Capabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

export interface Scheduler {
  policy: SchedulerPolicy;
  nice?: number;
  priority?: number;
  flags?: SchedulerFlag[];
  /** Nanoseconds. */
  runtime?: Integer;
  /** Nanoseconds. */
  deadline?: Integer;
  /** Nanoseconds. */
  period?: Integer;
}

export interface Hook {
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

export type Hooks = { [name in HookName]?: Hook[] };

export interface Linux {
  devices?: Device[];
  uidMappings?: IDMapping[];
  gidMappings?: IDMapping[];
  sysctl?: Record<string, string>;
  cgroupsPath?: string;
  resources?: Resources;
  rootfsPropagation?: RootfsPropagation;
  seccomp?: Seccomp;
  namespaces?: Namespace[];
  /** By the clock: `monotonic` and `boottime`. */
  timeOffsets?: Record<string, TimeOffset>;
  /** By the device's name on the host. */
  netDevices?: Record<string, NetDevice>;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  intelRdt?: IntelRdt;
  memoryPolicy?: MemoryPolicy;
  personality?: Personality;
}

export interface TimeOffset {
  secs?: number;
  nanosecs?: number;
}

export interface NetDevice {
  /** The name in the container; `%d` in it is a number that the kernel chooses. */
  name?: string;
}

export interface MemoryPolicy {
  mode: MemoryPolicyMode;
  /** A list of memory nodes, see list_format.ts. */
  nodes?: string;
  flags?: MemoryPolicyFlag[];
}

export interface Personality {
  domain: PersonalityDomain;
  flags?: string[];
}

export interface Namespace {
  type: NamespaceType;
  path?: string;
}

export interface IDMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface Device {
  /** Character (`u`: unbuffered, the same on Linux), block, or FIFO, which has no numbers. */
  type: "c" | "u" | "b" | "p";
  path: string;
  major?: number;
  minor?: number;
  /** Permission bits. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface DeviceRule {
  allow: boolean;
  /** All types where it is missing. */
  type?: "a" | "c" | "b";
  /** All where it is missing. */
  major?: number;
  /** All where it is missing. */
  minor?: number;
  /** Letters of `rwm`; all three where it is missing. */
  access?: string;
}

export interface Resources {
  devices?: DeviceRule[];
  memory?: MemoryResources;
  cpu?: CpuResources;
  pids?: PidsResources;
  blockIO?: BlockIOResources;
  hugepageLimits?: HugepageLimit[];
  network?: NetworkResources;
  /** By the device's name. */
  rdma?: Record<string, RdmaLimit>;
  /** Values by the names of cgroup v2 files. */
  unified?: Record<string, string>;
}

export interface PidsResources {
  /** -1 for unlimited. */
  limit?: number;
}

export interface HugepageLimit {
  /** Such as `2MB`, in powers of 1024. */
  pageSize: string;
  /** Bytes. */
  limit: Integer;
}

export interface NetworkResources {
  classID?: number;
  priorities?: InterfacePriority[];
}

export interface InterfacePriority {
  name: string;
  priority: number;
}

export interface RdmaLimit {
  hcaHandles?: number;
  hcaObjects?: number;
}

/** Bytes or -1 for unlimited, except `swappiness` (0 to 100). */
export interface MemoryResources {
  limit?: Integer;
  reservation?: Integer;
  /** Memory and swap together; -1 for unlimited. */
  swap?: Integer;
  kernel?: Integer;
  kernelTCP?: Integer;
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
  checkBeforeUpdate?: boolean;
}

/** Times are microseconds. */
export interface CpuResources {
  /** From 2 to 262144. */
  shares?: number;
  /** Negative for unlimited. */
  quota?: Integer;
  burst?: Integer;
  period?: number;
  realtimeRuntime?: Integer;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
  /** 1 for SCHED_IDLE. */
  idle?: number;
}

export interface ThrottleDevice {
  major: number;
  minor: number;
  /** Bytes or operations per second. */
  rate: Integer;
}

export interface WeightDevice {
  major: number;
  minor: number;
  weight?: number;
  leafWeight?: number;
}

export interface BlockIOResources {
  weight?: number;
  leafWeight?: number;
  weightDevice?: WeightDevice[];
  throttleReadBpsDevice?: ThrottleDevice[];
  throttleWriteBpsDevice?: ThrottleDevice[];
  throttleReadIOPSDevice?: ThrottleDevice[];
  throttleWriteIOPSDevice?: ThrottleDevice[];
}

export interface IntelRdt {
  closID?: string;
  schemata?: string[];
  l3CacheSchema?: string;
  memBwSchema?: string;
  enableMonitoring?: boolean;
}

export interface Seccomp {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: SeccompArchitecture[];
  flags?: SeccompFlag[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[];
}

export interface SeccompRule {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SeccompCondition[];
}

export interface SeccompCondition {
  /** Which argument, from 0 to 5. */
  index: number;
  value: Integer;
  valueTwo?: Integer;
  op: SeccompOperator;
}

/** The state of a container (runtime.md, State), as `state` prints it and hooks read it. */
export interface State {
  ociVersion: string;
  id: string;
  status: "creating" | "created" | "running" | "stopped" | "paused";
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}
