import { isInherited } from "../../../ffi/process.ts";
import { UsageError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import { parseWhole } from "../quantity.ts";

/** Descriptors of the caller's that a program gets, from 3 on, and the variables that tell it of them. */
export interface PassedFds {
  readonly count: number;
  readonly env: readonly string[];
}

/**
 * The descriptors of socket activation (sd_listen_fds(3)), and behind them those of `--preserve-fds`. As in
 * other runtimes the program is told that they are for the first process of its pid namespace.
 *
 * @throws {UsageError} when one of them is not open
 */
export function passedFds(args: Arguments): PassedFds {
  const asked = parseWhole(args.text("preserve-fds") ?? "0", "--preserve-fds", 0, 1024);
  const activated = activatedFds();
  const count = activated + asked;
  for (let fd = 3; fd < 3 + count; fd++) {
    if (!isInherited(fd)) throw notOpen(fd, activated);
  }
  const env = activated === 0 ? [] : [`LISTEN_FDS=${activated}`, "LISTEN_PID=1"];
  return { count, env };
}

function notOpen(fd: number, activated: number): UsageError {
  const by = fd < 3 + activated ? "LISTEN_FDS" : "--preserve-fds";
  return new UsageError(`pass on descriptor ${fd}, as ${by} says: it is not open`);
}

/** None when they are meant for another process. */
function activatedFds(): number {
  const pid = Deno.env.get("LISTEN_PID");
  if (pid !== undefined && pid !== String(Deno.pid)) return 0;
  const count = Number(Deno.env.get("LISTEN_FDS") ?? "0");
  return Number.isInteger(count) && count > 0 ? count : 0;
}
