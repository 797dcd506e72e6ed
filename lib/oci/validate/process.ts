import { isCapability } from "../capabilities.ts";
import { RLIMITS } from "../rlimits.ts";
import { IO_PRIORITY_CLASSES, SCHEDULER_FLAGS, SCHEDULER_POLICIES } from "../scheduling.ts";
import type {
  Capabilities,
  ConsoleSize,
  CPUAffinity,
  IOPriority,
  Process,
  Rlimit,
  Scheduler,
  User,
} from "../spec.ts";
import { id, integer, uint64 } from "./integers.ts";
import {
  boolean,
  keyOf,
  listOf,
  nonEmptyListOf,
  object,
  required,
  type Rule,
  unlessEmpty,
} from "./schema.ts";
import { absolutePath, environmentEntry, line, numberList, text } from "./texts.ts";

/** config.md, "POSIX-platform User". */
const user = object<User>(() => ({
  uid: required(id),
  gid: required(id),
  umask: integer(0, 0o777, "permission bits (a decimal number)"),
  additionalGids: listOf(id),
}));

const consoleSize = object<ConsoleSize>(() => ({
  height: required(integer(0, Number.MAX_SAFE_INTEGER, "a number of characters")),
  width: required(integer(0, Number.MAX_SAFE_INTEGER, "a number of characters")),
}));

const rlimit = object<Rlimit>(() => ({
  type: required(keyOf(RLIMITS)),
  soft: required(uint64),
  hard: required(uint64),
}), ({ soft, hard }, place) => {
  if (soft > hard) place.expected(`at most the hard limit, ${hard}`, soft, "soft");
});

const rlimitList = listOf(rlimit);

const rlimits: Rule<Rlimit[]> = (value, place) => {
  const limits = rlimitList(value, place);
  limits.forEach(({ type }, i) => {
    const first = limits.findIndex((limit) => limit.type === type);
    if (first < i) place.refuse(`"${type}" is limited by [${first}] already`, i, "type");
  });
  return limits;
};

/** Unknown ones are a warning, and are left out (config.md, "Linux Process"). */
const capability: Rule<string | undefined> = (value, place) => {
  const name = text(value, place);
  if (isCapability(name)) return name;
  place.warn(`${JSON.stringify(name)} is no capability that is known, so it is not granted`);
  return undefined;
};

const capabilitySet = listOf(capability);

const capabilities = object<Capabilities>(() => ({
  bounding: capabilitySet,
  effective: capabilitySet,
  inheritable: capabilitySet,
  permitted: capabilitySet,
  ambient: capabilitySet,
}));

/** sched_setattr(2). Times are nanoseconds. */
const scheduler = object<Scheduler>(() => ({
  policy: required(keyOf(SCHEDULER_POLICIES)),
  nice: integer(-20, 19, "a nice value"),
  priority: integer(0, 99, "a static priority"),
  flags: listOf(keyOf(SCHEDULER_FLAGS)),
  runtime: uint64,
  deadline: uint64,
  period: uint64,
}), (scheduler, place) => {
  const { policy, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const isRealtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  if (isRealtime && priority === 0) {
    place.expected(`a static priority from 1 to 99 for "${policy}"`, priority, "priority");
  }
  if (!isRealtime && priority !== 0) {
    place.expected('0 for all policies but "SCHED_FIFO" and "SCHED_RR"', priority, "priority");
  }
  if (policy !== "SCHED_DEADLINE") {
    for (const [name, time] of Object.entries({ runtime, deadline, period })) {
      if (time) place.expected('0 for all policies but "SCHED_DEADLINE"', time, name);
    }
  } else {
    if (!runtime) place.expected("a number of nanoseconds above 0", runtime, "runtime");
    if (runtime > deadline) place.expected(`at most the deadline, ${deadline}`, runtime, "runtime");
    if (period && deadline > period) {
      place.expected(`at most the period, ${period}`, deadline, "deadline");
    }
  }
});

/** ioprio_set(2). */
const ioPriority = object<IOPriority>(() => ({
  class: required(keyOf(IO_PRIORITY_CLASSES)),
  priority: required(integer(0, 7, "a priority")),
}));

const execCPUAffinity = object<CPUAffinity>(() => ({
  initial: unlessEmpty(numberList),
  final: unlessEmpty(numberList),
}));

/** config.md, "Process". */
export const process = object<Process>(() => ({
  terminal: boolean,
  consoleSize,
  cwd: required(absolutePath),
  env: listOf(environmentEntry),
  args: required(nonEmptyListOf(text, "at least the program's name")),
  rlimits,
  apparmorProfile: unlessEmpty(line),
  selinuxLabel: unlessEmpty(line),
  capabilities,
  noNewPrivileges: boolean,
  oomScoreAdj: integer(-1000, 1000),
  scheduler,
  ioPriority,
  execCPUAffinity,
  user,
}), (process, place) => {
  // Without a terminal it has to be ignored, whatever it says, so nothing later shall find it.
  if (!process.terminal) delete process.consoleSize;
  // struct winsize has 16 bits for each, ioctl_tty(2).
  for (const name of ["height", "width"] as const) {
    const size = process.consoleSize?.[name] ?? 0;
    if (size <= 0xffff) continue;
    place.expected("a number of characters from 0 to 65535", size, "consoleSize", name);
  }
});
