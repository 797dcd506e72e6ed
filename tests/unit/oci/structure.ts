/**
 * The members of config.json with their types, written down from config.md and config-linux.md a
 * second time and in another form than the validator's: what it accepts is held against this.
 *
 * `[]` is each item of an array, `.*` each member of a map; `!` marks what must be there when its
 * parent is. `intN..M` is an integer with the bounds that the field has beyond those of its type.
 */
const STRUCTURE = `
  ociVersion! string
  root! object
  root.path! string
  root.readonly boolean
  mounts array
  mounts[] object
  mounts[].destination! string
  mounts[].source string
  mounts[].type string
  mounts[].options array
  mounts[].options[] string
  mounts[].uidMappings array
  mounts[].uidMappings[] object
  mounts[].uidMappings[].containerID! 0..4294967295
  mounts[].uidMappings[].hostID! 0..4294967295
  mounts[].uidMappings[].size! 1..4294967295
  mounts[].gidMappings array
  mounts[].gidMappings[] object
  mounts[].gidMappings[].containerID! 0..4294967295
  mounts[].gidMappings[].hostID! 0..4294967295
  mounts[].gidMappings[].size! 1..4294967295
  process object
  process.terminal boolean
  process.consoleSize object
  process.consoleSize.height! 0..65535
  process.consoleSize.width! 0..65535
  process.cwd! string
  process.env array
  process.env[] string
  process.args! array
  process.args[] string
  process.rlimits array
  process.rlimits[] object
  process.rlimits[].type! string
  process.rlimits[].soft! 0..18446744073709551615
  process.rlimits[].hard! 0..18446744073709551615
  process.apparmorProfile string
  process.selinuxLabel string
  process.capabilities object
  process.capabilities.bounding array
  process.capabilities.bounding[] string
  process.capabilities.effective array
  process.capabilities.effective[] string
  process.capabilities.inheritable array
  process.capabilities.inheritable[] string
  process.capabilities.permitted array
  process.capabilities.permitted[] string
  process.capabilities.ambient array
  process.capabilities.ambient[] string
  process.noNewPrivileges boolean
  process.oomScoreAdj -1000..1000
  process.scheduler object
  process.scheduler.policy! string
  process.scheduler.nice -20..19
  process.scheduler.priority 0..99
  process.scheduler.flags array
  process.scheduler.flags[] string
  process.scheduler.runtime 0..18446744073709551615
  process.scheduler.deadline 0..18446744073709551615
  process.scheduler.period 0..18446744073709551615
  process.ioPriority object
  process.ioPriority.class! string
  process.ioPriority.priority! 0..7
  process.execCPUAffinity object
  process.execCPUAffinity.initial string
  process.execCPUAffinity.final string
  process.user object
  process.user.uid! 0..4294967294
  process.user.gid! 0..4294967294
  process.user.umask 0..511
  process.user.additionalGids array
  process.user.additionalGids[] 0..4294967294
  hostname string
  domainname string
  hooks object
  ${
  ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    .map((name) => `
  hooks.${name} array
  hooks.${name}[] object
  hooks.${name}[].path! string
  hooks.${name}[].args array
  hooks.${name}[].args[] string
  hooks.${name}[].env array
  hooks.${name}[].env[] string
  hooks.${name}[].timeout 1..2147483647`).join("\n")
}
  annotations object
  annotations.* string
  linux object
  linux.devices array
  linux.devices[] object
  linux.devices[].type! string
  linux.devices[].path! string
  linux.devices[].major 0..4095
  linux.devices[].minor 0..1048575
  linux.devices[].fileMode 0..65535
  linux.devices[].uid 0..4294967294
  linux.devices[].gid 0..4294967294
  linux.uidMappings array
  linux.uidMappings[] object
  linux.uidMappings[].containerID! 0..4294967295
  linux.uidMappings[].hostID! 0..4294967295
  linux.uidMappings[].size! 1..4294967295
  linux.gidMappings array
  linux.gidMappings[] object
  linux.gidMappings[].containerID! 0..4294967295
  linux.gidMappings[].hostID! 0..4294967295
  linux.gidMappings[].size! 1..4294967295
  linux.sysctl object
  linux.sysctl.* string
  linux.cgroupsPath string
  linux.resources object
  linux.resources.devices array
  linux.resources.devices[] object
  linux.resources.devices[].allow! boolean
  linux.resources.devices[].type string
  linux.resources.devices[].major -1..4095
  linux.resources.devices[].minor -1..1048575
  linux.resources.devices[].access string
  linux.resources.memory object
  linux.resources.memory.limit -1..9223372036854775807
  linux.resources.memory.reservation -1..9223372036854775807
  linux.resources.memory.swap -1..9223372036854775807
  linux.resources.memory.kernel -1..9223372036854775807
  linux.resources.memory.kernelTCP -1..9223372036854775807
  linux.resources.memory.swappiness 0..100
  linux.resources.memory.disableOOMKiller boolean
  linux.resources.memory.useHierarchy boolean
  linux.resources.memory.checkBeforeUpdate boolean
  linux.resources.cpu object
  linux.resources.cpu.shares 0..18446744073709551615
  linux.resources.cpu.quota -9223372036854775808..9223372036854775807
  linux.resources.cpu.burst 0..9223372036854775807
  linux.resources.cpu.period 0..1000000
  linux.resources.cpu.realtimeRuntime -9223372036854775808..9223372036854775807
  linux.resources.cpu.realtimePeriod 0..9007199254740991
  linux.resources.cpu.cpus string
  linux.resources.cpu.mems string
  linux.resources.cpu.idle 0..1
  linux.resources.pids object
  linux.resources.pids.limit -1..9007199254740991
  linux.resources.blockIO object
  linux.resources.blockIO.weight 0..1000
  linux.resources.blockIO.leafWeight 0..1000
  linux.resources.blockIO.weightDevice array
  linux.resources.blockIO.weightDevice[] object
  linux.resources.blockIO.weightDevice[].major! 0..4095
  linux.resources.blockIO.weightDevice[].minor! 0..1048575
  linux.resources.blockIO.weightDevice[].weight 0..1000
  linux.resources.blockIO.weightDevice[].leafWeight 0..1000
  ${
  ["ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS"].map((name) => `
  linux.resources.blockIO.throttle${name}Device array
  linux.resources.blockIO.throttle${name}Device[] object
  linux.resources.blockIO.throttle${name}Device[].major! 0..4095
  linux.resources.blockIO.throttle${name}Device[].minor! 0..1048575
  linux.resources.blockIO.throttle${name}Device[].rate! 0..18446744073709551615`).join("\n")
}
  linux.resources.hugepageLimits array
  linux.resources.hugepageLimits[] object
  linux.resources.hugepageLimits[].pageSize! string
  linux.resources.hugepageLimits[].limit! 0..18446744073709551615
  linux.resources.network object
  linux.resources.network.classID 0..4294967295
  linux.resources.network.priorities array
  linux.resources.network.priorities[] object
  linux.resources.network.priorities[].name! string
  linux.resources.network.priorities[].priority! 0..4294967295
  linux.resources.rdma object
  linux.resources.rdma.* object
  linux.resources.rdma.*.hcaHandles 0..4294967295
  linux.resources.rdma.*.hcaObjects 0..4294967295
  linux.resources.unified object
  linux.resources.unified.* string
  linux.rootfsPropagation string
  linux.seccomp object
  linux.seccomp.defaultAction! string
  linux.seccomp.defaultErrnoRet 0..65535
  linux.seccomp.architectures array
  linux.seccomp.architectures[] string
  linux.seccomp.flags array
  linux.seccomp.flags[] string
  linux.seccomp.listenerPath string
  linux.seccomp.listenerMetadata string
  linux.seccomp.syscalls array
  linux.seccomp.syscalls[] object
  linux.seccomp.syscalls[].names! array
  linux.seccomp.syscalls[].names[] string
  linux.seccomp.syscalls[].action! string
  linux.seccomp.syscalls[].errnoRet 0..65535
  linux.seccomp.syscalls[].args array
  linux.seccomp.syscalls[].args[] object
  linux.seccomp.syscalls[].args[].index! 0..5
  linux.seccomp.syscalls[].args[].value! 0..18446744073709551615
  linux.seccomp.syscalls[].args[].valueTwo 0..18446744073709551615
  linux.seccomp.syscalls[].args[].op! string
  linux.namespaces array
  linux.namespaces[] object
  linux.namespaces[].type! string
  linux.namespaces[].path string
  linux.timeOffsets object
  linux.timeOffsets.* object
  linux.timeOffsets.*.secs -9223372036..9223372036
  linux.timeOffsets.*.nanosecs 0..999999999
  linux.netDevices object
  linux.netDevices.* object
  linux.netDevices.*.name string
  linux.maskedPaths array
  linux.maskedPaths[] string
  linux.readonlyPaths array
  linux.readonlyPaths[] string
  linux.mountLabel string
  linux.intelRdt object
  linux.intelRdt.closID string
  linux.intelRdt.schemata array
  linux.intelRdt.schemata[] string
  linux.intelRdt.l3CacheSchema string
  linux.intelRdt.memBwSchema string
  linux.intelRdt.enableMonitoring boolean
  linux.memoryPolicy object
  linux.memoryPolicy.mode! string
  linux.memoryPolicy.nodes string
  linux.memoryPolicy.flags array
  linux.memoryPolicy.flags[] string
  linux.personality object
  linux.personality.domain! string
  linux.personality.flags array
`;

/** A member of config.json. */
export interface Field {
  /** As in the list above, without the mark. */
  readonly pattern: string;
  readonly isRequired: boolean;
  readonly type: "string" | "boolean" | "object" | "array" | "integer";
  /** The bounds of an integer. */
  readonly min: bigint;
  readonly max: bigint;
}

/** Every member of config.json. */
export const FIELDS: readonly Field[] = STRUCTURE.split("\n").map((line) => line.trim())
  .filter((line) => line !== "").map((line) => {
    const [name = "", type = ""] = line.split(" ");
    const bounds = /^(-?\d+)\.\.(\d+)$/.exec(type);
    return {
      pattern: name.replace("!", ""),
      isRequired: name.endsWith("!"),
      type: bounds === null ? type as Field["type"] : "integer",
      min: BigInt(bounds?.[1] ?? 0),
      max: BigInt(bounds?.[2] ?? 0),
    };
  });

/** A value in a document: its way from the top, and where it hangs. */
export interface Found {
  readonly names: readonly (string | number)[];
  readonly parent: Record<string | number, unknown>;
  readonly name: string | number;
  readonly value: unknown;
}

/**
 * Every place of a document that a field's pattern stands for. A member that is missing is found as
 * undefined, one whose parent is missing or of another type not at all.
 */
export function find(document: unknown, pattern: string): Found[] {
  const steps = pattern.replaceAll("[]", ".[]").split(".");
  let found: Found[] = [{ names: [], parent: {}, name: "", value: document }];
  for (const step of steps) found = found.flatMap((one) => children(one, step));
  return found;
}

function children({ names, value }: Found, step: string): Found[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) !== (step === "[]")) return [];
  const parent = value as Record<string | number, unknown>;
  const own = step === "[]"
    ? (value as unknown[]).map((_, i) => i)
    : step === "*"
    ? Object.keys(value)
    : [step];
  return own.map((name) => ({ names: [...names, name], parent, name, value: parent[name] }));
}

/** Whether a value is of a field's type. */
export function fits(field: Field, value: unknown): boolean {
  switch (field.type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer": {
      if (typeof value !== "bigint" && !Number.isInteger(value)) return false;
      const integer = BigInt(value as number | bigint);
      return integer >= field.min && integer <= field.max;
    }
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
  }
}

/** What is wrong with the types of a whole document, a line each. */
export function misfits(document: unknown): string[] {
  return FIELDS.flatMap((field) =>
    find(document, field.pattern)
      .filter(({ value }) => value === undefined ? field.isRequired : !fits(field, value))
      .map(({ names, value }) => `${names.join(".")}: ${typeof value} ${String(value)}`)
  );
}
