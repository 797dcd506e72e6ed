import { loadResources } from "../../oci/load.ts";
import type { Integer, Resources } from "../../oci/spec.ts";
import { validateIntelRdt, validateResources } from "../../oci/validate/mod.ts";
import { getContainer } from "../../runtime/get_container.ts";
import { unlessEnded } from "../../runtime/running.ts";
import { updateContainer } from "../../runtime/update.ts";
import { resolve } from "@std/path/posix/resolve";
import { warn } from "../../trace.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { parseMemory, parseWhole } from "../quantity.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { onlyId } from "./only_id.ts";

/** The options of `update`, as runc has them. Sizes and microseconds; -1 is unlimited. */
export const UPDATE_OPTIONS: readonly OptionSpec[] = [
  { name: "resources", alias: "r", value: "FILE", help: "resources as JSON; - is standard input" },
  { name: "blkio-weight", value: "N", help: "block I/O weight, 10 to 1000" },
  { name: "cpu-period", value: "N", help: "CPU period" },
  { name: "cpu-quota", value: "N", help: "CPU quota in a period" },
  { name: "cpus", instead: "Use --cpu-quota, as in 150000 for 1.5 CPUs, with --cpu-period 100000" },
  { name: "cpu-burst", value: "N", help: "CPU burst in a period" },
  { name: "cpu-share", value: "N", help: "CPU shares" },
  { name: "cpu-rt-period", value: "N", help: "realtime period" },
  { name: "cpu-rt-runtime", value: "N", help: "realtime runtime" },
  { name: "cpu-idle", value: "N", help: "whether it runs only when nothing else does" },
  { name: "cpuset-cpus", value: "LIST", help: "CPUs to use" },
  { name: "cpuset-mems", value: "LIST", help: "memory nodes to use" },
  { name: "memory", value: "SIZE", help: "memory limit, as in 512M" },
  { name: "memory-reservation", value: "SIZE", help: "memory reservation" },
  { name: "memory-swap", value: "SIZE", help: "limit of memory and swap" },
  { name: "kernel-memory", value: "SIZE" },
  { name: "kernel-memory-tcp", value: "SIZE" },
  { name: "pids-limit", value: "N", help: "limit of processes" },
  { name: "l3-cache-schema", value: "LINE", help: "Intel RDT: parts of the L3 cache" },
  { name: "mem-bw-schema", value: "LINE", help: "Intel RDT: memory bandwidth" },
];

/** `update [OPTIONS] ID`: changes the limits of a container; only what is given. */
export function updateCommand(args: Arguments, global: GlobalOptions): number {
  const state = getContainer(openRoot(global), onlyId(args));
  const file = args.text("resources");
  const { resources, warnings } = file === undefined
    ? validateResources(fromOptions(args), "update")
    : loadResources(file === "-" ? file : resolve(file));
  warnings.forEach(warn);
  const [l3CacheSchema, memBwSchema] = [args.text("l3-cache-schema"), args.text("mem-bw-schema")];
  const schemata = validateIntelRdt(onlyGiven({ l3CacheSchema, memBwSchema }), "update");
  unlessEnded(state, "update", () => updateContainer(state, resources, schemata));
  return 0;
}

function fromOptions(args: Arguments): Resources {
  const number = (name: string) => {
    const text = args.text(name);
    if (text === undefined) return undefined;
    if (text === "-1") return -1;
    return parseWhole(text, `--${name}`, 0, Number.MAX_SAFE_INTEGER);
  };
  const size = (name: string) => {
    const text = args.text(name);
    return text === undefined ? undefined : parseMemory(text, `--${name}`);
  };
  return pruned({
    blockIO: { weight: number("blkio-weight") },
    cpu: {
      period: number("cpu-period"),
      quota: number("cpu-quota"),
      burst: number("cpu-burst"),
      shares: number("cpu-share"),
      realtimePeriod: number("cpu-rt-period"),
      realtimeRuntime: number("cpu-rt-runtime"),
      idle: number("cpu-idle"),
      cpus: args.text("cpuset-cpus"),
      mems: args.text("cpuset-mems"),
    },
    memory: {
      limit: size("memory"),
      reservation: size("memory-reservation"),
      swap: size("memory-swap"),
      kernel: size("kernel-memory"),
      kernelTCP: size("kernel-memory-tcp"),
    },
    pids: { limit: number("pids-limit") },
  });
}

type Members = Record<string, Integer | string | undefined>;

/** Without groups of which nothing was given. */
function pruned(groups: Record<string, Members>): Resources {
  const given = Object.entries(groups).map(([group, members]) =>
    [group, onlyGiven(members)] as const
  );
  return Object.fromEntries(given.filter(([, members]) => Object.keys(members).length > 0));
}

function onlyGiven(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
