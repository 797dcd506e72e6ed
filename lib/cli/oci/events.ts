import { stringifyJSON } from "../../json.ts";
import { UsageError } from "../../errors.ts";
import { poll } from "../../../ffi/poll.ts";
import { cgroupOf, getContainer, statusOf } from "../../runtime/container.ts";
import type { ContainerState } from "../../runtime/state.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { onlyId } from "./only_id.ts";

/** The options of `events`. */
export const EVENTS_OPTIONS: readonly OptionSpec[] = [
  { name: "stats", help: "print the numbers once and end" },
  {
    name: "interval",
    value: "DURATION",
    help: "time between prints, as in 500ms or 5s (default 5s)",
  },
];

/** `events [--stats] [--interval DURATION] ID`: prints usage, and tells of out-of-memory kills, one JSON object a line. */
export function eventsCommand(args: Arguments, global: GlobalOptions): number {
  const state = getContainer(openRoot(global), onlyId(args));
  const interval = parseDuration(args.text("interval") ?? "5s");
  printStats(state);
  if (args.flag("stats")) return 0;
  let kills = cgroupOf(state.record).oom().kills;
  while (statusOf(state) !== "stopped") {
    poll([], interval);
    if (statusOf(state) === "stopped") break;
    const now = cgroupOf(state.record).oom().kills;
    if (now > kills) console.log(stringifyJSON({ type: "oom", id: state.record.id }));
    kills = now;
    printStats(state);
  }
  return 0;
}

function printStats(state: ContainerState): void {
  const data = cgroupOf(state.record).stats();
  console.log(stringifyJSON({ type: "stats", id: state.record.id, data }));
}

/** Milliseconds of a duration such as `500ms`, `5s` or `1m`. */
function parseDuration(text: string): number {
  const match = text.match(/^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/);
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const duration = match === null ? 0 : Number(match[1]) * units[match[2]];
  if (duration > 0) return duration;
  throw new UsageError(`read "--interval ${text}": not a duration`, {
    hint: "As in 500ms, 5s, 1m",
  });
}
