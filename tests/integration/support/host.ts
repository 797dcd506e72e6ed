import { assertEquals } from "@std/assert";
import { identify } from "../../../lib/runtime/process_identity.ts";
import { BINARY, entriesOf, STATE } from "./project.ts";
import { until } from "./wait.ts";

/** What a container could leave on the host. Each member lists things in words, sorted. */
export interface Host {
  /** Mounts of this mount namespace. */
  readonly mounts: readonly string[];
  /** Folders of containers in all cgroup hierarchies. */
  readonly cgroups: readonly string[];
  /** Network interfaces. */
  readonly links: readonly string[];
  /** Namespaces that a process is in or holds open. */
  readonly namespaces: readonly string[];
  /** Records of containers, and so their addresses. */
  readonly records: readonly string[];
  /** Processes of the binary under test, in a container's cgroup, or in another pid namespace. */
  readonly processes: readonly string[];
}

/** Runs what follows it on a host whose mounts are all shared, as systemd has them; the real one stays as it is. */
export const ON_SHARED_HOST: readonly string[] = [
  ...["unshare", "--mount", "sh", "-c", 'mount --make-rshared /; exec "$@"', "sh"],
];

/** Looks at the host as it is now. */
export function lookAtHost(): Host {
  return {
    mounts: mounts(),
    cgroups: cgroups(),
    links: links(),
    namespaces: namespaces(),
    // Beside them is the lock that the first of all containers makes for good.
    records: entriesOf(STATE).filter(({ isFile }) => !isFile).map(({ name }) => name),
    processes: processes(),
  };
}

/**
 * Asserts that the host is as it was before. What the kernel takes back by itself goes a moment after
 * the last process: that is waited for.
 *
 * @param patience milliseconds.
 */
export async function assertHostIsAsBefore(before: Host, patience = 2000): Promise<void> {
  const nothing = { left: [], missing: [] };
  let now = difference(before, lookAtHost());
  await until("the host is as before", () => {
    now = difference(before, lookAtHost());
    return now.left.length === 0 && now.missing.length === 0;
  }, patience).catch(() => {});
  assertEquals(now, nothing);
}

function difference(before: Host, after: Host): { left: string[]; missing: string[] } {
  const left: string[] = [];
  const missing: string[] = [];
  for (const [kind, then] of Object.entries(before) as [keyof Host, readonly string[]][]) {
    const now = after[kind];
    const add = (to: string[], from: readonly string[], known: readonly string[]) =>
      to.push(...from.filter((one) => !known.includes(one)).map((one) => `${kind}: ${one}`));
    add(left, now, then);
    // What belongs to other containers may come to its end as it likes.
    if (kind === "mounts") add(missing, then, now);
    if (kind === "links") {
      add(
        missing,
        then.filter((name) => !/^veth[0-9a-f]{11}$/.test(name)),
        now,
      );
    }
  }
  return { left, missing };
}

/** proc_pid_mountinfo(5), without the numbers that a mount gets anew each time. */
function mounts(): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n")
    .map((line) => line.split(" ").slice(3).join(" ")).sort();
}

/** The folders below `go_containers` in every mounted hierarchy. */
function cgroups(): string[] {
  const hierarchies = Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n")
    .filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4]);
  return [...new Set(hierarchies)].flatMap((mountpoint) => {
    const folder = `${mountpoint}/go_containers`;
    const folders = entriesOf(folder).filter(({ isDirectory }) => isDirectory);
    return folders.map(({ name }) => `${folder}/${name}`);
  }).sort();
}

function links(): string[] {
  return Deno.readTextFileSync("/proc/self/net/dev").trim().split("\n").slice(2)
    .map((line) => line.split(":")[0].trim()).sort();
}

/** namespaces(7): those with a process, and those that only an open descriptor keeps. */
function namespaces(): string[] {
  const found = new Set<string>();
  for (const pid of pids()) {
    for (const kind of ["ns", "fd"]) {
      for (const { name } of entriesIfThere(`/proc/${pid}/${kind}`)) {
        const target = ifThere(() => Deno.readLinkSync(`/proc/${pid}/${kind}/${name}`));
        if (target !== undefined && /^[a-z_]+:\[\d+\]$/.test(target) && !OTHER.test(target)) {
          found.add(target);
        }
      }
    }
  }
  return [...found].sort();
}

/** Descriptors whose links look as those of namespaces do. */
const OTHER = /^(socket|pipe|anon_inode)/;

function processes(): string[] {
  const depth = namespaceDepth("self");
  return pids().filter((pid) => {
    if (ifThere(() => Deno.readLinkSync(`/proc/${pid}/exe`)) === BINARY) return true;
    if (ifThere(() => Deno.readTextFileSync(`/proc/${pid}/cgroup`))?.includes("/go_containers/")) {
      return true;
    }
    return namespaceDepth(`${pid}`) > depth;
  }).flatMap((pid) => {
    // Not by its name, which execve changes.
    const started = identify(pid)?.startTime;
    return started === undefined ? [] : [`${pid} of ${started}`];
  }).sort();
}

/** In how many pid namespaces, from here down, a process has a number. */
function namespaceDepth(pid: string): number {
  const status = ifThere(() => Deno.readTextFileSync(`/proc/${pid}/status`)) ?? "";
  return status.match(/^NSpid:(.*)$/m)?.[1].trim().split(/\s+/).length ?? 0;
}

/** The numbers of all processes. */
export function pids(): number[] {
  return entriesOf("/proc").map(({ name }) => Number(name)).filter((pid) => pid > 0);
}

function entriesIfThere(folder: string): Deno.DirEntry[] {
  return ifThere(() => [...Deno.readDirSync(folder)]) ?? [];
}

/** What can be read of a process; undefined when it has ended meanwhile. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    if (error instanceof Error && error.message.includes("os error 3")) return undefined;
    throw error;
  }
}
