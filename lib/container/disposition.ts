import { SIGNALS } from "../../ffi/constants.ts";

/** Those that end nobody, of the signals that are handed on. */
const HARMLESS: readonly number[] = [SIGNALS.SIGWINCH, SIGNALS.SIGCONT];

/**
 * What would become of a process at a signal, were it not the first of its pid namespace: `end` when
 * it neither catches, ignores nor blocks the signal and the default is to end (signal(7)), else
 * `deliver`. Read from SigBlk, SigIgn and SigCgt of /proc/<pid>/status, which the kernel writes.
 */
export function defaultActionOf(pid: number, signal: number): "end" | "deliver" {
  if (HARMLESS.includes(signal)) return "deliver";
  let status: string;
  try {
    status = Deno.readTextFileSync(`/proc/${pid}/status`);
  } catch {
    return "deliver";
  }
  const bit = 1n << BigInt(signal - 1);
  for (const field of ["SigBlk", "SigIgn", "SigCgt"]) {
    const mask = status.match(new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m"))?.[1];
    if (mask === undefined || (BigInt(`0x${mask}`) & bit) !== 0n) return "deliver";
  }
  return "end";
}
