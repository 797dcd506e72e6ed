import { errnoName, SysError } from "../../ffi/errno.ts";
import type { OomReport } from "../cgroup/oom.ts";
import type { ExecFailure, Executing, Failed } from "../init/channel.ts";
import { ContainerError, hintOf, TOO_MANY_PROCESSES } from "../errors.ts";
import { shellWord } from "../folder.ts";
import { formatBytes } from "./format.ts";
import type { DiedEarly } from "./spawn.ts";

/** The error that a failed step of the container's first process stands for. */
export function stepFailure(failed: Failed): ContainerError {
  const errno = errnoName(failed.errno);
  const cause = failed.errno === 0
    ? undefined
    : new SysError(failed.call || failed.step, failed.errno, failed.detail);
  if (failed.exec && cause) {
    return execFailure(failed.exec, failed.searched ?? [], cause);
  }
  const reason = failed.message ?? cause?.message ?? "unknown reason";
  return new ContainerError(`${failed.label}: ${reason}`, {
    code: errno === "ENOSYS" ? "Unsupported" : "Failed",
    cause,
    hint: failed.call === ""
      ? ownHint(failed.step, errno)
      : hintOf(cause) ?? hintFor(failed.step, errno),
  });
}

/** The error that a refused clone3(2) of the first process stands for. */
export function forkFailure(cause: SysError, isRoot = Deno.uid() === 0): ContainerError {
  return new ContainerError(`make the container's first process: ${cause.message}`, {
    code: cause.code === "ENOSYS" || cause.code === "EINVAL" ? "Unsupported" : "Failed",
    cause,
    hint: (isRoot ? {} : USER_FORK_HINTS)[cause.code] ?? FORK_HINTS[cause.code],
  });
}

/** The error of a first process that ended while it was being built: most likely by too small a memory limit. */
export function earlyEnd(cause: DiedEarly, oom: OomReport): ContainerError {
  if (oom.kills > 0) {
    const limit = oom.limit === undefined ? "" : ` (limit ${formatBytes(oom.limit)})`;
    return new ContainerError(`start the container: killed, out of memory${limit}`, {
      code: "OutOfMemory",
      hint: "The memory limit is too small to start: give more with -mem",
    });
  }
  return new ContainerError(`start the container: its first process ${cause.message}`, { cause });
}

/** The same for an ordinary user. */
const USER_FORK_HINTS: Readonly<Record<string, string>> = {
  EPERM:
    "This is a chroot, where nobody may make user namespaces, or this system lets only root do so: " +
    "see /proc/sys/kernel/unprivileged_userns_clone and the rules of its security module",
};

/** clone(2), ERRORS. */
const FORK_HINTS: Readonly<Record<string, string>> = {
  EPERM:
    "Namespaces take root with CAP_SYS_ADMIN, and there are no user namespaces in a chroot: run it on the host itself",
  EINVAL: "The kernel lacks a kind of namespace: ls /proc/self/ns shows those that it has",
  EAGAIN: TOO_MANY_PROCESSES,
};

/** The error that a refused `execve` of the program stands for: errno is the launcher's, the reasons were told before. */
export function launchFailure({ path, reasons }: Executing, errno: number): ContainerError {
  const cause = new SysError("execve", errno, JSON.stringify(path));
  const code = LIKE[cause.code] ?? cause.code;
  const failure = Object.hasOwn(reasons, code)
    ? reasons[code as keyof typeof reasons]
    : { path, reason: "other" } as const;
  return execFailure(failure, [], cause);
}

/** Errors that mean the same of a file as another one. */
const LIKE: Readonly<Record<string, string>> = {
  ENOTDIR: "ENOENT",
  EPERM: "EACCES",
  // A loader that is shorter than the beginning of a program.
  EIO: "ELIBBAD",
};

/** Steps that make something in the container's own file system. */
const MAKES_FILES: readonly string[] = ["root", "mount", "make working folder"];

/** What to do about what a step itself refuses. */
function ownHint(kind: string, errno: string): string | undefined {
  if (kind !== "mount") return hintFor(kind, "");
  return errno === "ENOSPC"
    ? "Give it more room by its option size="
    : "Choose another place in the container for it, or another image";
}

/**
 * What to do about failures whose cause is known.
 *
 * @param errno the name of the error that a call ended with; empty where it was none
 */
function hintFor(kind: string, errno: string): string | undefined {
  if ((errno === "ENOSPC" || errno === "EDQUOT") && MAKES_FILES.includes(kind)) {
    return "The disk of the containers folder may be full: make room, or give a folder on another one with -c";
  }
  if (kind === "make working folder") {
    return "Give a folder that is there, or one that can be made";
  }
  if (errno === "EPERM" && (kind === "mount" || kind === "root")) {
    return "Run on the host itself, or in a container that may mount (CAP_SYS_ADMIN, no seccomp filter)";
  }
  if (errno === "ENODEV" && (kind === "mount" || kind === "root")) {
    return "The kernel does not know this file system: load its module (modprobe) or use another kernel";
  }
  if (errno === "EINVAL" && kind === "join cgroups") {
    return "A process of real-time priority cannot join a cgroup without a share of real time: start this without chrt";
  }
  if (errno === "EINVAL" && kind === "become user") {
    return "The container's user namespace maps no such user or group: choose another, or map it";
  }
  if (kind === "root" && errno === "EINVAL") {
    return "The images and containers folders must lie on a file system that overlay can use (ext4, xfs, btrfs, tmpfs)";
  }
  return undefined;
}

function execFailure(
  failure: ExecFailure,
  searched: readonly string[],
  cause: SysError,
): ContainerError {
  const quoted = JSON.stringify(failure.path);
  const notFound = (message: string, hint: string) =>
    new ContainerError(`run ${quoted}: ${message}`, { code: "CommandNotFound", cause, hint });
  const notExecutable = (message: string, hint?: string) =>
    new ContainerError(`run ${quoted}: ${message}`, { code: "CommandNotExecutable", cause, hint });
  const { interpreters = [] } = failure;
  const isScript = interpreters.length > 0;
  /** Whom it is told of. */
  const who = (itself: string) => isScript ? nameOf(interpreters) : itself;
  const loader = () =>
    isScript
      ? `the loader ${JSON.stringify(failure.what)} of ${who("")}`
      : `its loader ${JSON.stringify(failure.what)}`;
  switch (failure.reason) {
    case "not found":
      if (isScript) {
        return notFound(
          `${who("")} is not in the container`,
          "The script's first line (#!) names a program that the image lacks; a line ended the Windows way (CR LF) names one that nobody has",
        );
      }
      return notFound(
        failure.path.includes("/")
          ? "no such file in the container"
          : "command not found in the container",
        whereToLook(failure, searched),
      );
    case "missing loader":
      return notFound(
        `${loader()} is not in the container`,
        "The program was linked for another C library (glibc or musl) than the image has: use a static one or another image",
      );
    case "unfit loader":
      return notExecutable(
        `${loader()} cannot be loaded`,
        "It has to be an executable file that is made for this machine: copy it anew, with its permission bits",
      );
    case "is a directory":
      return notExecutable(
        `${who("it")} is a folder`,
        isScript ? FIRST_LINE : "Give a program, such as /bin/sh",
      );
    case "no permission":
      return notExecutable(
        isScript ? `${who("")} is not executable` : "not executable",
        isScript
          ? "Its permission bits, or a folder's on the way to it, do not let this user run it (chmod +x)"
          : "Its permission bits do not let this user run it (chmod +x)",
      );
    case "closed folder":
      return notExecutable(
        `${
          failure.what === undefined ? "a folder" : `the folder ${JSON.stringify(failure.what)}`
        } on the way to ${who("it")} may not be searched by this user`,
        "Let others search it (chmod o+x), or run it as another user",
      );
    case "circular links":
      return notExecutable(
        `${
          isScript ? `the symbolic links of ${who("")}` : "its symbolic links"
        } go round in circles`,
        "Let the link lead to a program: readlink shows where it leads",
      );
    case "too many interpreters":
      return notExecutable(
        "its interpreter is a script, and so is that one's, more than five times",
        FIRST_LINE,
      );
    case "noexec mount":
      return notExecutable(
        `${who("it")} lies on a mount with the option noexec`,
        "Mount it without that option, or copy it to another folder",
      );
    case "wrong architecture":
      return notExecutable(
        `${who("it")} is made for ${failure.what}, this machine is ${Deno.build.arch}`,
        "Use an image of this machine's architecture",
      );
    case "damaged program":
      return notExecutable(
        `${who("the program")} is damaged, the kernel cannot read it`,
        "Its beginning is that of one for this machine: copy or build it anew",
      );
    case "empty file":
      return notExecutable(
        `${who("the file")} is empty`,
        "It was perhaps not copied or built to its end: do that anew",
      );
    case "not a program":
      return notExecutable(
        `${isScript ? `${who("")} is ` : ""}neither a program nor a script with a first line "#!"`,
        isScript
          ? FIRST_LINE
          : failure.what === "binary"
          ? "It is a binary file of another kind: give a program that is made for Linux, or what runs such files"
          : `Run it with its interpreter: sh ${shellWord(failure.path)}`,
      );
    case "other":
      return notExecutable(cause.message);
  }
}

const FIRST_LINE = "Name a program in the script's first line, such as #!/bin/sh";

/** The last of the interpreters of a script, as seen from that: `its interpreter "/a"`. */
function nameOf(interpreters: readonly string[]): string {
  return interpreters
    .map((path, index) => `${index === 0 ? "its" : "the"} interpreter ${JSON.stringify(path)}`)
    .reverse().join(" of ");
}

/** What to do about a program that is not there. */
function whereToLook({ path, what }: ExecFailure, searched: readonly string[]): string {
  if (what !== undefined) return `The shell that it has is ${what}`;
  if (path.includes("/")) return "Give a path inside the image";
  if (path.startsWith("-")) {
    return "Options stand before the image or the container; what follows it is the command";
  }
  return searched.join("") === ""
    ? "Its PATH names no folder"
    : `Looked in its PATH, ${searched.join(":")}`;
}
