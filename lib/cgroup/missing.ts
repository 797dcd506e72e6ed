import { warn } from "../trace.ts";
import { ContainerError } from "../errors.ts";
import { readIfThere } from "./cgroupfs.ts";
import { detectCgroups } from "./detect.ts";

/**
 * Fields below `linux.resources`, single (`memory.swap`) or whole groups (`devices`), whose lack is
 * no error: `warn` says it in one line, `skip` says nothing.
 */
export type Optional = Readonly<Record<string, "warn" | "skip">>;

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
  const policy = optional[field] ?? optional[field.split(".")[0]!];
  if (policy === "skip") return;
  const message = `set ${field}: ${why}`;
  if (policy === "warn") return warn(hint ? `${message} (${hint})` : message);
  throw new ContainerError(message, { code: "Unsupported", ...(hint ? { hint } : {}) });
}

/** How a controller that is in no mounted hierarchy can be had, by what proc(5)'s /proc/cgroups says. */
export function controllerHint(controller: string): string {
  const name = controller === "io" ? "blkio" : controller;
  const line = (readIfThere("/proc/cgroups") ?? "").split("\n")
    .find((line) => line.startsWith(`${name}\t`));
  if (line?.endsWith("\t0")) return `Boot the kernel with cgroup_enable=${name}`;
  const nothing = detectCgroups().kind === "none";
  // What no hierarchy of v1 has is in that of v2, which has the number 0.
  if (nothing && (!line || line.split("\t")[1] === "0")) {
    return "Mount the hierarchy: mount -t cgroup2 cgroup2 /sys/fs/cgroup";
  }
  if (!line) return "The kernel is built without it, see CONFIG_CGROUPS in its configuration";
  const folder = `/sys/fs/cgroup/${name}`;
  // A folder of sysfs, where no other can be made.
  const above = nothing ? "mount -t tmpfs tmpfs /sys/fs/cgroup && " : "";
  return `Mount it: ${above}mkdir -p ${folder} && mount -t cgroup -o ${name} ${name} ${folder}`;
}
