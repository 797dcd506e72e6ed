import { readFile } from "../../ffi/file.ts";

/** What this process hands on to those that it runs (proc_pid_status(5)). */
export interface OwnStatus {
  /** The signals that are ignored. */
  readonly ignored: readonly number[];
  /** The capability bounding set. */
  readonly bounding: bigint;
  /** The capabilities that it is permitted. */
  readonly permitted: bigint;
}

/** As {@link readOwnStatus} has found it first: by then the program has set its signals. */
export function ownStatus(): OwnStatus {
  return found ??= readOwnStatus();
}

let found: OwnStatus | undefined;

/** Reads it, where /proc is the host's: one call for each signal and capability would take ten times as long. */
export function readOwnStatus(): OwnStatus {
  const status = readFile("/proc/self/status");
  const mask = (name: string) => {
    const at = status.indexOf(`\n${name}:\t`) + name.length + 3;
    return BigInt(`0x${status.slice(at, status.indexOf("\n", at))}`);
  };
  const ignored: number[] = [];
  for (let set = mask("SigIgn"), signal = 1; set > 0n; set >>= 1n, signal++) {
    if (set & 1n) ignored.push(signal);
  }
  return { ignored, bounding: mask("CapBnd"), permitted: mask("CapPrm") };
}
