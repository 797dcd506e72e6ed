import { ContainerError } from "../errors.ts";
import { readIfThere } from "./cgroupfs.ts";
import { detectCgroups, type Hierarchy } from "./detect.ts";

/** Fields below `linux.resources`, single (`memory.swap`) or whole groups (`devices`), whose lack is no error. */
export type Optional = ReadonlySet<string>;

/**
 * Tells that something asked for cannot be had.
 *
 * @param why the rest of a sentence.
 * @throws {ContainerError} Unsupported, unless the field is optional.
 */
export function tellMissing(
  field: string,
  why: string,
  hint: string | undefined,
  optional: Optional,
): void {
  if (optional.has(field) || optional.has(field.split(".")[0]!)) return;
  throw new ContainerError(`set ${field}: ${why}`, {
    code: "Unsupported",
    ...(hint ? { hint } : {}),
  });
}

/** What stands against something, and what to do about it. */
export interface Obstacle {
  /** The rest of a sentence. */
  readonly why: string;
  readonly hint: string;
}

/** Why the container has no place in a hierarchy with these controllers, which have the reason in common. */
export function whyMissing(controllers: readonly string[]): Obstacle {
  const names = theControllers(controllers);
  const readOnly = controllers.map(readOnlyWith).filter((hierarchy) => hierarchy !== undefined);
  if (readOnly.length === 0) {
    return { why: `no cgroup hierarchy has ${names}`, hint: controllerHint(...controllers) };
  }
  const folders = new Set(readOnly.map(({ mountpoint }) => mountpoint));
  const commands = [...folders].map((folder) => `mount -o remount,rw ${folder}`).join(" && ");
  return {
    why: `the cgroup hierarchy of ${names} is mounted read-only`,
    hint: `Have it writable: ${commands}; a container that this is to run in takes --privileged`,
  };
}

/** Controllers as the object of a sentence. */
export function theControllers(names: readonly string[]): string {
  if (names.length === 1) return `the ${names[0]} controller`;
  return `the controllers ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** Whether there is a hierarchy with a controller in which nothing can be made. */
export function isReadOnly(controller: string): boolean {
  return readOnlyWith(controller) !== undefined;
}

function readOnlyWith(controller: string): Hierarchy | undefined {
  return detectCgroups().hierarchies.find(({ version, controllers, readOnly }) =>
    readOnly && (controllers.includes(controller) || version === 2 && controller === "devices")
  );
}

/** How controllers that are in no mounted hierarchy can be had, by what proc(5)'s /proc/cgroups says. */
export function controllerHint(...controllers: string[]): string {
  const single = controllers.map((name) => [name, singleHint(name)] as const);
  const below = single.filter(([, hint]) => hint === undefined).map(([name]) => `+${name}`);
  const hints = new Set(single.flatMap(([, hint]) => hint ?? []));
  if (below.length > 0) {
    hints.add(
      `Have ${below.length > 1 ? "them" : "it"} handed down: ${below.join(" ")} in the ` +
        "cgroup.subtree_control of each cgroup above this one",
    );
  }
  return [...hints].join("; ");
}

/** Undefined where it has to be handed down. */
function singleHint(controller: string): string | undefined {
  const name = controller === "io" ? "blkio" : controller;
  const line = (readIfThere("/proc/cgroups") ?? "").split("\n")
    .find((line) => line.startsWith(`${name}\t`));
  if (line?.endsWith("\t0")) return `Boot the kernel with cgroup_enable=${name}`;
  // What no hierarchy of v1 has is in that of v2, which has the number 0.
  const inV2 = line?.split("\t")[1] === "0";
  const { kind } = detectCgroups();
  const nothing = kind === "none";
  if (nothing && (!line || inV2)) {
    return "Mount the hierarchy: mount -t cgroup2 cgroup2 /sys/fs/cgroup";
  }
  if (!line) return "The kernel is built without it, see CONFIG_CGROUPS in its configuration";
  if (kind === "v2") {
    return inV2 ? undefined : "Hierarchies of cgroup v1 have what is missing: mount those instead";
  }
  const folder = `/sys/fs/cgroup/${name}`;
  // A folder of sysfs, where no other can be made.
  const above = nothing ? "mount -t tmpfs tmpfs /sys/fs/cgroup && " : "";
  return `Mount it: ${above}mkdir -p ${folder} && mount -t cgroup -o ${name} ${name} ${folder}`;
}
