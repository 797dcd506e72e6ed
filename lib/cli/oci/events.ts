import { Fd } from "../../../ffi/file.ts";
import { poll, POLLERR, type PollFd, POLLHUP, POLLIN } from "../../../ffi/poll.ts";
import { pidfd_open } from "../../../ffi/process.ts";
import { readStats } from "../../cgroup/stats.ts";
import { SysError } from "../../errors.ts";
import { stringifyJSON } from "../../json.ts";
import { cgroupOf, statusOf } from "../../runtime/container.ts";
import { getContainer } from "../../runtime/get_container.ts";
import { requireAlive, unlessEnded } from "../../runtime/running.ts";
import type { ContainerState } from "../../runtime/state.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { NobodyReads, print } from "../output.ts";
import { parseDuration } from "../quantity.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { onlyId } from "./only_id.ts";

/** The options of `events`. */
export const EVENTS_OPTIONS: readonly OptionSpec[] = [
  { name: "stats", help: "print the numbers once and end" },
  {
    name: "interval",
    value: "DURATION",
    help: "time between prints, as in 500ms or 1m30s (default 5s)",
  },
];

const STDOUT = 1;

/** `events [--stats] [--interval DURATION] ID`: prints usage, and tells of out-of-memory kills, one JSON object a line. */
export function eventsCommand(args: Arguments, global: GlobalOptions): number {
  const state = getContainer(openRoot(global), onlyId(args));
  const interval = parseDuration(args.text("interval") ?? "5s", "--interval");
  requireAlive(state, "watch");
  unlessEnded(state, "watch", () => printStats(state));
  if (!args.flag("stats")) watch(state, interval);
  return 0;
}

/** Prints to the end of the container, or of whoever reads. */
function watch(state: ContainerState, interval: number): void {
  using init = openInit(state);
  const onEnd: PollFd = { fd: init?.number ?? -1, events: POLLIN, revents: 0 };
  // poll(2) tells without being asked that the other end is closed.
  const reader: PollFd = { fd: STDOUT, events: 0, revents: 0 };
  let kills = cgroupOf(state.record).oom().kills;
  while (statusOf(state) !== "stopped") {
    poll([onEnd, reader], interval);
    if (reader.revents & (POLLERR | POLLHUP)) throw new NobodyReads();
    if (onEnd.revents || statusOf(state) === "stopped") break;
    const now = cgroupOf(state.record).oom().kills;
    if (now > kills) print(stringifyJSON({ type: "oom", id: state.record.id }));
    kills = now;
    try {
      printStats(state);
    } catch (error) {
      // What is read goes with the container.
      if (error instanceof NobodyReads || statusOf(state) !== "stopped") throw error;
    }
  }
}

/** Undefined when it has just ended. */
function openInit({ record }: ContainerState): Fd | undefined {
  try {
    return record.init && new Fd(pidfd_open(record.init.pid));
  } catch (error) {
    if (error instanceof SysError && error.code === "ESRCH") return undefined;
    throw error;
  }
}

function printStats(state: ContainerState): void {
  // runc has these two besides, and never has an interface of its own to tell of.
  const more = { intel_rdt: {}, network_interfaces: null };
  const data = { ...readStats(cgroupOf(state.record).places), ...more };
  print(stringifyJSON({ type: "stats", id: state.record.id, data }));
}
