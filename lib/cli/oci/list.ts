import { stringifyJSON } from "../../json.ts";
import { ContainerError, UsageError } from "../../errors.ts";
import { findProgram, runProgram } from "../../program.ts";
import { getContainer } from "../../runtime/get_container.ts";
import { membersOf } from "../../runtime/members.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { formatTable } from "../table.ts";
import { describe } from "./describe.ts";
import { type GlobalOptions, openRoot, tidyUp } from "./global.ts";
import { firstId } from "./only_id.ts";
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

/** `list [-q] [-f table|json]` */
export async function listCommand(args: Arguments, global: GlobalOptions): Promise<number> {
  const format = formatOf(args);
  await tidyUp(global);
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
  const ps = runProgram(program, psOptions.length > 0 ? psOptions : ["-ef"]);
  if (!ps.success) {
    const [why] = ps.stderr.split("\n");
    throw new ContainerError(`list the processes of "${id}": ps: ${why}`, {
      hint: "What follows the container are the options of the host's ps, as in -o pid,args",
    });
  }
  const [header, ...lines] = ps.stdout.trimEnd().split("\n");
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
