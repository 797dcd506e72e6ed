import { SysError } from "../../ffi/errno.ts";
import { readFile } from "../../ffi/file.ts";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of /proc/<pid>/stat (proc(5)). */
  readonly startTime: string;
}

/** Who a process is now; undefined when it has ended (a zombie has). */
export function identify(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFile(`/proc/${pid}/stat`);
  } catch (error) {
    // ESRCH: it ended between open and read.
    const gone = error instanceof SysError && (error.code === "ENOENT" || error.code === "ESRCH");
    if (gone) return undefined;
    throw error;
  }
  // The name in parentheses may hold anything, so fields are counted from the last one on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  if (state === "Z" || state === "X") return undefined;
  return { pid, startTime: fields[19] };
}

/** Whether that very process still runs. */
export function isAlive(process: ProcessIdentity | undefined): boolean {
  return process !== undefined && identify(process.pid)?.startTime === process.startTime;
}
