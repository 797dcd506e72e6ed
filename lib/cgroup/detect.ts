import { AT_FDCWD } from "../../ffi/constants.ts";
import { SysError } from "../../ffi/errno.ts";
import { readFile, tryStatx } from "../../ffi/file.ts";

/** A mounted cgroup hierarchy. */
export interface Hierarchy {
  /** 1: cgroups(7) "version 1", one hierarchy per controller set; 2: the unified hierarchy. */
  readonly version: 1 | 2;
  /** Where it is mounted. What the mount shows as its root may be a cgroup namespace's own. */
  readonly mountpoint: string;
  /** The controllers that it governs: from the mount's options in v1, from `cgroup.controllers` in v2. */
  readonly controllers: readonly string[];
  /** A v1 hierarchy without controllers has a name instead, such as `systemd`. */
  readonly name?: string;
  /** Whether it is mounted read-only, so that no cgroup can be made in it. */
  readonly readOnly?: true;
}

/** What is mounted: only v1 hierarchies, only v2, both (hybrid), or nothing. */
export interface CgroupLayout {
  readonly kind: "v1" | "v2" | "hybrid" | "none";
  readonly hierarchies: readonly Hierarchy[];
}

/** The layout of these hierarchies alone. */
function layoutOf(hierarchies: readonly Hierarchy[]): CgroupLayout {
  const v1 = hierarchies.some(({ version }) => version === 1);
  const v2 = hierarchies.some(({ version }) => version === 2);
  return { kind: v1 ? (v2 ? "hybrid" : "v1") : v2 ? "v2" : "none", hierarchies };
}

let detected: CgroupLayout | undefined;

/**
 * The cgroup hierarchies of this machine, as proc(5)'s /proc/self/mountinfo has them. Read once:
 * nothing mounts a hierarchy while the program runs.
 */
export function detectCgroups(): CgroupLayout {
  return detected ??= detect();
}

/** Those of {@link detectCgroups} in which cgroups can be made. */
export function writableCgroups(): CgroupLayout {
  return layoutOf(detectCgroups().hierarchies.filter(({ readOnly }) => !readOnly));
}

function detect(): CgroupLayout {
  const mountinfo = readFile("/proc/self/mountinfo");
  const controllersOf = (mountpoint: string) => readFile(`${mountpoint}/cgroup.controllers`);
  try {
    return parseCgroupMounts(mountinfo, controllersOf);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "ENOENT")) throw error;
    // Something else is mounted above, such as a new sysfs on /sys.
    const seen = mountinfo.split("\n").filter(isSeen).join("\n");
    return parseCgroupMounts(seen, controllersOf);
  }
}

/** Whether a mount is what its path leads to. */
function isSeen(line: string): boolean {
  const [id, , , , mountpoint = ""] = line.split(" ");
  return tryStatx(AT_FDCWD, unescape(mountpoint))?.mountId === BigInt(id || -1);
}

/**
 * Reads the hierarchies from the text of a mountinfo file.
 *
 * Of several mounts of one hierarchy (a bind mount in some chroot) the one below /sys/fs/cgroup
 * counts, else the first.
 *
 * @param readControllers gives the `cgroup.controllers` of a cgroup2 mount.
 */
export function parseCgroupMounts(
  mountinfo: string,
  readControllers: (mountpoint: string) => string,
): CgroupLayout {
  const byIdentity = new Map<string, Hierarchy>();
  for (const line of mountinfo.split("\n")) {
    if (!line.includes(" - cgroup")) continue;
    const hierarchy = parseMount(line);
    if (!hierarchy) continue;
    const identity = hierarchy.version === 2
      ? "cgroup2"
      : hierarchy.name ?? hierarchy.controllers.join();
    const known = byIdentity.get(identity);
    if (!known || (!isStandard(known.mountpoint) && isStandard(hierarchy.mountpoint))) {
      byIdentity.set(identity, hierarchy);
    }
  }
  // Of that mount alone: an ordinary user may not get to others, such as those of somebody's chroot.
  return layoutOf(
    [...byIdentity.values()].map((hierarchy) =>
      hierarchy.version === 1 ? hierarchy : {
        ...hierarchy,
        controllers: readControllers(hierarchy.mountpoint).trim().split(" ").filter(Boolean),
      }
    ),
  );
}

/** Of one of version 2 without its controllers. */
function parseMount(line: string): Hierarchy | undefined {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , , point = "", own = ""] = before.split(" ");
  const mountpoint = unescape(point);
  const [type, , options = ""] = after.split(" ");
  const words = options.split(",");
  const readOnly = words.includes("ro") || own.split(",").includes("ro");
  const rights = readOnly ? { readOnly } as const : {};
  if (type === "cgroup2") return { version: 2, mountpoint, controllers: [], ...rights };
  if (type !== "cgroup") return undefined;
  const controllers = words.filter((word) => V1_CONTROLLERS.has(word));
  const name = words.find((word) => word.startsWith("name="))?.slice("name=".length);
  return {
    version: 1,
    mountpoint,
    controllers,
    ...(name === undefined ? {} : { name }),
    ...rights,
  };
}

/** The mount options beside the controllers' names (rw, xattr, seclabel …) vary; these do not. */
const V1_CONTROLLERS = new Set([
  "cpuset",
  "cpu",
  "cpuacct",
  "blkio",
  "memory",
  "devices",
  "freezer",
  "net_cls",
  "perf_event",
  "net_prio",
  "hugetlb",
  "pids",
  "rdma",
  "misc",
]);

function isStandard(mountpoint: string): boolean {
  return mountpoint === "/sys/fs/cgroup" || mountpoint.startsWith("/sys/fs/cgroup/");
}

/** Undoes the octal escapes of space, tab, newline and backslash, proc_pid_mountinfo(5). */
function unescape(path: string): string {
  if (!path.includes("\\")) return path;
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
