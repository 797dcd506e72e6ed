import { AT_FDCWD } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { readFile, statx } from "../../ffi/file.ts";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of /proc/<pid>/stat (proc(5)). */
  readonly startTime: string;
  /** The pid namespace whose number it is, by its inode (namespaces(7)). */
  readonly namespace?: number;
}

/** Who a process is now; undefined when it has ended (a zombie has). */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = fieldsOf(pid);
  if (fields === undefined) return undefined;
  const [state] = fields;
  if (state === "Z" || state === "X") return undefined;
  return { pid, startTime: fields[19], namespace: ownNamespace() };
}

/** Whether a process that nobody has waited for yet has ended, or is about to: it has no descriptors or namespaces any more. */
export function isEnding(pid: number): boolean {
  const fields = fieldsOf(pid);
  return fields !== undefined && (Number(fields[6]) & PF_EXITING) !== 0;
}

/** Among the flags of /proc/<pid>/stat: include/linux/sched.h. */
const PF_EXITING = 4;

/** The fields of /proc/<pid>/stat from the third on, the state; undefined for a process that is gone. */
function fieldsOf(pid: number): string[] | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, so fields are counted from the last one on.
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Whether that very process still runs, as far as it can be reached by its number. */
export function isAlive(process: ProcessIdentity | undefined): boolean {
  return process !== undefined && !isForeign(process) &&
    identify(process.pid)?.startTime === process.startTime;
}

/**
 * Whether a process has surely ended. One of another pid namespace goes by another number here, or by none: only the
 * initial namespace has them all.
 */
export function hasEnded(process: ProcessIdentity): boolean {
  if (!isForeign(process)) return !isAlive(process);
  return ownNamespace() === INITIAL && numberHere(process) === undefined;
}

/** PROC_PID_INIT_INO, include/linux/proc_ns.h. */
const INITIAL = 0xeffffffc;

/** Whether it goes by its number in another pid namespace than this process's. */
export function isForeign({ namespace }: ProcessIdentity): boolean {
  return namespace !== undefined && namespace !== ownNamespace();
}

let own: number | undefined;

/** Where this process is, not its children. */
function ownNamespace(): number {
  return own ??= Number(statx(AT_FDCWD, "/proc/self/ns/pid", 0).ino);
}

/**
 * The number that a live process has here, where it has one: in the initial namespace each has. What it is called
 * elsewhere tells NSpid (proc_pid_status(5)).
 */
export function numberHere(process: ProcessIdentity): number | undefined {
  if (!isForeign(process)) return isAlive(process) ? process.pid : undefined;
  const { pid, startTime } = process;
  const elsewhere = new RegExp(`^NSpid:.*\\t${pid}\\b`, "m");
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).find((number) =>
    number > 0 && elsewhere.test(readIfThere(`/proc/${number}/status`)) &&
    identify(number)?.startTime === startTime
  );
}

/** Nothing for a process that has ended. */
function readIfThere(file: string): string {
  try {
    return readFile(file);
  } catch (error) {
    // ESRCH: it ended between open and read.
    const gone = error instanceof SysError && (error.code === "ENOENT" || error.code === "ESRCH");
    if (gone) return "";
    throw error;
  }
}
