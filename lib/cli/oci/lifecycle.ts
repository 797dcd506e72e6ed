import { SIGNALS } from "../../../ffi/constants.ts";
import { ContainerError, UsageError } from "../../errors.ts";
import { stringifyJSON } from "../../json.ts";
import { nearest } from "../../nearest.ts";
import {
  cgroupOf,
  deleteContainer,
  statusOf,
  tryConfigOf,
  waitsForStart,
} from "../../runtime/container.ts";
import { getContainer, tryGetContainer } from "../../runtime/get_container.ts";
import { unlessEnded } from "../../runtime/running.ts";
import { signalAll, signalContainer } from "../../runtime/signal_container.ts";
import type { ContainerState, StateRoot } from "../../runtime/state.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { describe } from "./describe.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { firstId, onlyId } from "./only_id.ts";
import { print } from "../output.ts";

/** The options of `kill`. */
export const KILL_OPTIONS: readonly OptionSpec[] = [
  { name: "all", alias: "a", help: "signal all processes of the container" },
  { name: "signal", alias: "s", value: "SIGNAL", help: "the signal, by name or number" },
  // As kill(1) has it.
  {
    name: "9",
    alias: Object.entries(SIGNALS).flatMap(([name, number]) => [name, name.slice(3), `${number}`]),
    instead: "The signal stands behind the container: gocontainer kill ID KILL",
  },
];

/** The options of `delete`. */
export const DELETE_OPTIONS: readonly OptionSpec[] = [
  { name: "force", alias: "f", help: "end it first when it runs; an unknown id is fine" },
];

/** `state ID` */
export function stateCommand(args: Arguments, global: GlobalOptions): number {
  const root = openRoot(global);
  const id = onlyId(args);
  // One that has been deleted since it was found is looked for in vain.
  const described = describe(getContainer(root, id)) ?? describe(getContainer(root, id));
  print(stringifyJSON(described, 2));
  return 0;
}

/** `kill [--all] ID [SIGNAL]` */
export function killCommand(args: Arguments, global: GlobalOptions): number {
  const id = firstId(args);
  const [, positional, ...more] = args.rest;
  if (more.length > 0) throw new UsageError(`read the arguments: "${more.join(" ")}" is too many`);
  const given = args.text("signal") ?? positional;
  const wanted = given === undefined ? undefined : parseSignal(given);
  const root = openRoot(global);
  let state = getContainer(root, id);
  const signal = wanted ?? stopSignalOf(state);
  // A start meanwhile would have the program get what is for who waits for it.
  using lock = waitsForStart(state) ? state.lock() : undefined;
  if (lock !== undefined) state = getContainer(root, id);
  if (args.flag("all")) signalAll(state, signal);
  else signalContainer(state, signal);
  return 0;
}

/** What asks a container to end: the signal that its image names for that (image-spec, conversion.md), else SIGTERM. */
function stopSignalOf(state: ContainerState): number {
  const named = tryConfigOf(state)?.annotations?.["org.opencontainers.image.stopSignal"];
  return named !== undefined && signalOf(named) || SIGNALS.SIGTERM;
}

/** `delete [--force] ID...` */
export function deleteCommand(args: Arguments, global: GlobalOptions): number {
  const force = args.flag("force") ?? false;
  const root = openRoot(global);
  if (args.rest.length === 0) onlyId(args);
  for (const id of args.rest) {
    const state = force ? findOrForget(root, id) : getContainer(root, id);
    if (state !== undefined) deleteContainer(state, force);
  }
  return 0;
}

/** A container, or undefined where there is none; what is left of one without a record goes, as by force nothing is to stay. */
function findOrForget(root: StateRoot, id: string): ContainerState | undefined {
  try {
    const state = tryGetContainer(root, id);
    // A delete that was killed may have forgotten it, and left its folder.
    if (state === undefined) root.tidy();
    return state;
  } catch (error) {
    if (!(error instanceof ContainerError && error.code === "Damaged")) throw error;
    root.forget(id);
    return undefined;
  }
}

/** `pause ID` */
export function pauseCommand(args: Arguments, global: GlobalOptions): number {
  const state = getContainer(openRoot(global), onlyId(args));
  requireStatus(state, "pause", ["created", "running"]);
  unlessEnded(state, "pause", () => cgroupOf(state.record).freeze());
  return 0;
}

/** `resume ID` */
export function resumeCommand(args: Arguments, global: GlobalOptions): number {
  const state = getContainer(openRoot(global), onlyId(args));
  requireStatus(state, "resume", ["paused"]);
  unlessEnded(state, "resume", () => cgroupOf(state.record).thaw());
  return 0;
}

function requireStatus(
  state: ContainerState,
  action: string,
  wanted: readonly string[],
): void {
  const status = statusOf(state);
  if (wanted.includes(status)) return;
  throw new ContainerError(`${action} container "${state.record.id}": it is ${status}`, {
    code: "WrongState",
    hint: `It would have to be ${wanted.join(" or ")}`,
  });
}

/** A signal as {@link signalOf} reads it. */
function parseSignal(text: string): number {
  const signal = signalOf(text);
  if (signal !== undefined) return signal;
  const near = nearest(nameOf(text), Object.keys(SIGNALS).map((signal) => signal.slice(3)));
  throw new UsageError(`read the signal "${text}": there is none of that name`, {
    hint: near === undefined
      ? "Give its name or number, as in TERM or 15: signal(7) lists them"
      : `Did you mean ${near}?`,
  });
}

/** A signal by number, by name with or without SIG, or as RTMIN+n and RTMAX-n (signal(7)); undefined for none. */
function signalOf(text: string): number | undefined {
  const LAST = 64;
  const RTMIN = 34;
  if (/^[0-9]{1,2}$/.test(text) && Number(text) <= LAST) return Number(text);
  const name = nameOf(text);
  const known = (SIGNALS as Readonly<Record<string, number>>)[`SIG${name}`];
  if (known !== undefined) return known;
  const realTime = name.match(/^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/);
  if (realTime === null) return undefined;
  const [, end, sign, offset = "0"] = realTime;
  const number = (end === "MIN" ? RTMIN : LAST) + (sign === "-" ? -1 : 1) * Number(offset);
  return number >= RTMIN && number <= LAST ? number : undefined;
}

function nameOf(signal: string): string {
  return signal.toUpperCase().replace(/^SIG/, "");
}
