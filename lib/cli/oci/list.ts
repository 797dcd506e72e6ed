import { AT_FDCWD } from "../../../ffi/constants.ts";
import { tryStatx } from "../../../ffi/file.ts";
import { stringifyJSON } from "../../json.ts";
import { ContainerError, UsageError } from "../../errors.ts";
import { findProgram } from "../../program.ts";
import { configOf, getContainer, statusOf } from "../../runtime/container.ts";
import { membersOf } from "../../runtime/members.ts";
import { numberHere } from "../../runtime/process_identity.ts";
import type { ContainerState } from "../../runtime/state.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { formatTable } from "../table.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { firstId } from "./only_id.ts";
import { resolve } from "@std/path/posix/resolve";
import { print } from "../output.ts";

/** The options of `list`. */
export const LIST_OPTIONS: readonly OptionSpec[] = [
  { name: "format", alias: "f", value: "table|json", help: "form of the output (default table)" },
  { name: "quiet", alias: "q", help: "only the ids" },
  { name: "all", alias: "a", instead: "All that are there are listed; one that has ended is gone" },
];

/** The options of `ps`. */
export const PS_OPTIONS: readonly OptionSpec[] = [
  { name: "format", alias: "f", value: "table|json", help: "form of the output (default table)" },
  // docker's, of all containers.
  {
    name: "all",
    alias: "a",
    instead: "gocontainer list tells of all containers, ps ID of the processes of one",
  },
];

/** A container as `list -f json` has it: what engines read. */
interface Listed {
  readonly ociVersion: string;
  readonly id: string;
  /** Where the user gave one. */
  readonly name?: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** `list [-q] [-f table|json]` */
export function listCommand(args: Arguments, global: GlobalOptions): number {
  const format = formatOf(args);
  const containers = openRoot(global).containers().map(describe)
    .filter((container) => container !== undefined)
    .sort((a, b) => a.id < b.id ? -1 : 1);
  if (args.flag("quiet")) containers.forEach(({ id }) => print(id));
  else if (format === "json") print(stringifyJSON(containers));
  else {
    // runc's columns, and one more where there is something for it.
    const names = containers.some(({ name }) => name !== undefined);
    print(formatTable(
      ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER", ...names ? ["NAME"] : []],
      containers.map((c) => [
        ...[c.id, String(c.pid), c.status, c.bundle, c.created, c.owner],
        ...names ? [c.name ?? ""] : [],
      ]),
    ));
  }
  return 0;
}

/** Undefined for a container that has been deleted meanwhile. */
function describe(state: ContainerState): Listed | undefined {
  const { record } = state;
  const owner = ownerOf(state);
  if (owner === undefined) return undefined;
  const status = statusOf(state);
  const alive = status !== "stopped" && status !== "creating";
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    ...record.name !== record.id && { name: record.name },
    pid: alive ? numberHere(record.init!) ?? 0 : 0,
    status,
    bundle: record.bundle,
    rootfs: rootfsOf(state),
    created: record.created,
    annotations: record.annotations,
    owner,
  };
}

/** The name of whose container it is, or the number of a user without one, as runc has them. */
function ownerOf({ folder }: ContainerState): string | undefined {
  const uid = tryStatx(AT_FDCWD, folder)?.uid;
  if (uid === undefined) return undefined;
  if (uid === 0) return "root";
  const account = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"))
    .find((fields) => fields[2] === `${uid}`);
  return account?.[0] ?? `#${uid}`;
}

/** Empty while a container is being made and has no config yet. */
function rootfsOf(state: ContainerState): string {
  try {
    return resolve(state.record.bundle, configOf(state).root?.path ?? "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** `ps [-f table|json] ID [PS-OPTIONS]`: the host's ps, cut down to the processes of the container. */
export function psCommand(args: Arguments, global: GlobalOptions): number {
  const id = firstId(args);
  const psOptions = args.rest.slice(1);
  const state = getContainer(openRoot(global), id);
  const pids = membersOf(state);
  if (formatOf(args) === "json") {
    print(JSON.stringify(pids));
    return 0;
  }
  const program = findProgram("ps");
  if (program === undefined) {
    throw new ContainerError(`list the processes of "${id}": the program ps is not installed`, {
      code: "Unsupported",
      hint: 'Install it ("apt install procps"), or have their numbers alone: ps --format json',
    });
  }
  const ps = new Deno.Command(program, {
    args: psOptions.length > 0 ? psOptions : ["-ef"],
    clearEnv: true,
    stderr: "inherit",
  }).outputSync();
  if (!ps.success) return ps.code;
  const [header, ...lines] = new TextDecoder().decode(ps.stdout).trimEnd().split("\n");
  const column = header.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new UsageError("read the output of ps: there is no column PID");
  const members = new Set(pids.map(String));
  const shown = lines.filter((line) => members.has(line.trim().split(/\s+/)[column]));
  print([header, ...shown].join("\n"));
  return 0;
}

function formatOf(args: Arguments): "table" | "json" {
  const format = args.text("format") ?? "table";
  if (format === "table" || format === "json") return format;
  throw new UsageError(`read "--format ${format}": it is table or json`);
}
