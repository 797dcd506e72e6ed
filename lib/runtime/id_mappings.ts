import { AT_FDCWD, CLONE_NEWUSER, O_RDONLY, SIGNALS } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { poll } from "../../ffi/poll.ts";
import {
  type Clone,
  clone3,
  pidfd_send_signal,
  PR_SET_PDEATHSIG,
  prctl,
  waitid,
} from "../../ffi/process.ts";
import { ContainerError, reasonOf, SysError } from "../errors.ts";
import { findProgram, runProgram } from "../program.ts";
import type { IDMapping } from "../oci/spec.ts";
import type { IdRange } from "./state.ts";

/**
 * Writes the id mappings of a new user namespace (user_namespaces(7)): one write each, as the kernel
 * demands. Without root's rights that is for newuidmap(1) to do, save for one's own id alone; and setgroups
 * has to be denied before, or groups that deny something could be dropped (CVE-2014-8989).
 *
 * @throws {ContainerError} when the kernel refuses them.
 */
export function mapIds(
  pid: number,
  uids: readonly IDMapping[],
  gids: readonly IDMapping[],
): void {
  if (Deno.uid() === 0) {
    writeMap(pid, "uid", uids);
    return writeMap(pid, "gid", gids);
  }
  if (isOwnAlone(uids, Deno.uid()!)) writeMap(pid, "uid", uids);
  else runMapper(pid, "uid", uids);
  if (isOwnAlone(gids, Deno.gid()!)) {
    write(pid, "gid", "setgroups", "deny");
    writeMap(pid, "gid", gids);
  } else runMapper(pid, "gid", gids);
}

/** The calls by which {@link mapIds} does that as root, in words for -explain and -trace. */
export function mappingCalls(
  pid: number,
  uids: readonly IDMapping[],
  gids: readonly IDMapping[],
): string {
  return `write("/proc/${pid}/uid_map", ${JSON.stringify(mapText(uids))}); ` +
    `write("/proc/${pid}/gid_map", ${JSON.stringify(mapText(gids))})`;
}

/** The host's id of one of a container's; undefined where the mappings do not have it. */
export function hostId(id: number, mappings: readonly IDMapping[] = []): number | undefined {
  for (const { containerID, hostID, size } of mappings) {
    if (id >= containerID && id < containerID + size) return hostID + id - containerID;
  }
  return undefined;
}

/** The mappings of user ids of the user namespace that a process is in, with the ids that this process sees as the host's. */
export function uidMappingsOf(pid: number): IDMapping[] {
  const lines = Deno.readTextFileSync(`/proc/${pid}/uid_map`).trim().split("\n");
  return lines.map((line) => {
    const [containerID, hostID, size] = line.trim().split(/ +/).map(Number);
    return { containerID, hostID, size };
  });
}

/** The ids of the host that mappings use, for a container's record. */
export function hostIdsOf(mappings: readonly IDMapping[] | undefined): IdRange[] | undefined {
  return mappings?.map(({ hostID, size }) => ({ first: hostID, size }));
}

/** Makes a user namespace that nobody is in, for its mappings alone (mount_setattr(2), MOUNT_ATTR_IDMAP). */
export function makeUserNamespace(
  uids: readonly IDMapping[],
  gids: readonly IDMapping[],
): Fd {
  const { pid, pidfd } = cloneUserNamespace();
  // Somebody has to be in it while it is being opened.
  if (pid === 0) {
    prctl(PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
    for (;;) poll([]);
  }
  using holder = new Fd(pidfd);
  try {
    mapIds(pid, uids, gids);
    return new Fd(openat(AT_FDCWD, `/proc/${pid}/ns/user`, O_RDONLY));
  } finally {
    pidfd_send_signal(holder.number, SIGNALS.SIGKILL);
    waitid(pid);
  }
}

function cloneUserNamespace(): Clone {
  try {
    return clone3({ flags: CLONE_NEWUSER });
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw new ContainerError(`make a user namespace: ${cause.message}`, {
      code: "Unsupported",
      hint: CLONE_HINTS[cause.code],
      cause,
    });
  }
}

/** clone(2), ERRORS. */
const CLONE_HINTS: Readonly<Record<string, string>> = {
  EPERM:
    "The kernel makes none in a chroot: run it on the host itself, or without a user namespace",
  ENOSPC: "A limit of user namespaces is reached: see /proc/sys/user/max_user_namespaces",
  EINVAL: "The kernel has none: ls /proc/self/ns shows the kinds that it has",
};

function isOwnAlone(mappings: readonly IDMapping[], own: number): boolean {
  return mappings.length === 1 && mappings[0].size === 1 && mappings[0].hostID === own;
}

function writeMap(pid: number, kind: "uid" | "gid", mappings: readonly IDMapping[]): void {
  if (mappings.length === 0) return;
  write(pid, kind, `${kind}_map`, mapText(mappings));
}

function mapText(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`)
    .join("");
}

function write(pid: number, kind: "uid" | "gid", file: string, text: string): void {
  try {
    Deno.writeTextFileSync(`/proc/${pid}/${file}`, text, { create: false });
  } catch (cause) {
    throw new ContainerError(`apply linux.${kind}Mappings: ${reasonOf(cause)}`, {
      code: "InvalidSpec",
      hint: "Ranges must not overlap, and must be ids that this process may map",
      cause,
    });
  }
}

/** newuidmap(1) and newgidmap(1) have the rights, and give what /etc/subuid and /etc/subgid allow. */
function runMapper(pid: number, kind: "uid" | "gid", mappings: readonly IDMapping[]): void {
  const name = `new${kind}map`;
  const program = findProgram(name);
  if (program === undefined) {
    throw new ContainerError(`apply linux.${kind}Mappings: the program ${name} is not installed`, {
      code: "Unsupported",
      hint: 'Install it ("apt install uidmap"), or run as root',
    });
  }
  const numbers = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]);
  const said = refusalOf(program, [pid, ...numbers].map(String));
  if (said === undefined) return;
  throw new ContainerError(`apply linux.${kind}Mappings: ${said}`, {
    code: "InvalidSpec",
    hint: `Besides his own a user may map the ids of his line in /etc/sub${kind} ` +
      `(usermod --add-sub${kind}s FIRST-LAST USER)`,
  });
}

/** What a program says that fails; undefined when it does not. */
function refusalOf(program: string, args: readonly string[]): string | undefined {
  try {
    const { success, stderr } = runProgram(program, args);
    return success ? undefined : stderr.trim().replaceAll("\n", "; ") || `${program} failed`;
  } catch (error) {
    return reasonOf(error);
  }
}
