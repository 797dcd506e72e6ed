import { SysError } from "../../../ffi/errno.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { AT_FDCWD, O_PATH, SIGNALS } from "../../../ffi/constants.ts";
import { close, openat, umask, writeAll } from "../../../ffi/file.ts";
import { errno, syscall } from "../../../ffi/libc.ts";
import { setdomainname, sethostname, setns, unshare } from "../../../ffi/namespace.ts";
import { setLoopbackUp } from "../../../ffi/netdevice.ts";
import { poll, POLLHUP } from "../../../ffi/poll.ts";
import {
  close_range,
  CLOSE_RANGE_CLOEXEC,
  dup3,
  isInherited,
  LAST_FD,
  PR_SET_DUMPABLE,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  prctl,
  preparedSetrlimit,
  setgroups,
  setresgid,
  setresuid,
  setsid,
} from "../../../ffi/process.ts";
import { accept } from "../../../ffi/socket.ts";
import { resetSignals, setSignalMask } from "../../../ffi/signal.ts";
import { tell, waitForGo } from "../channel.ts";
import { type InitContext, InitError } from "../context.ts";
import type { StepOf } from "../plan.ts";

/**
 * A new session, and nothing inherited but standard input and output: first of all, before any
 * path of the container is touched, so that no descriptor of the host can be reached through
 * /proc/self/fd (CVE-2024-21626).
 */
export function startAfresh(step: StepOf<"start afresh">): void {
  // One that the caller has not passed may be one of this process's own, which are not for the program.
  for (let fd = 3; fd < 3 + step.keep; fd++) {
    if (!isInherited(fd)) throw new InitError(`descriptor ${fd} is to be passed on, but not open`);
  }
  step.close.forEach(close);
  close_range(3 + step.keep, LAST_FD, CLOSE_RANGE_CLOEXEC);
  // Nobody in the container may look into this process before it is the program (CVE-2016-9962). In a user
  // namespace of its own there is nobody yet: it can be until it becomes root there.
  if (!step.dumpable) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  resetSignals();
  setSignalMask([]);
  umask(0);
  setsid();
}

/** The container dies with the process that follows it. A parent that died before it left the channel hung up. */
export function dieWithParent(context: InitContext): void {
  prctl(PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
  const channel = { fd: context.channel, events: 0, revents: 0 };
  poll([channel], 0);
  if (channel.revents & POLLHUP) throw new InitError("the parent is gone");
}

/**
 * A v1 hierarchy is joined by the process itself, by writing 0 to `tasks`: it moves the only thread
 * there is and spares the wait for the whole machine that `cgroup.procs` costs. That is for a v2 cgroup in which it
 * could not be born.
 */
export function joinCgroups(step: StepOf<"join cgroups">): void {
  const self = cstring("0").subarray(0, 1);
  for (const fd of step.fds) {
    writeAll(fd, self);
    close(fd);
  }
}

/** A namespace that was opened before (setns(2)); what it was opened by is closed. */
export function joinNamespace(step: StepOf<"join namespace">): void {
  setns(step.fd, step.flag);
  close(step.fd);
}

/** Namespaces that begin where this process is by now (unshare(2)). */
export function unshareMore(step: StepOf<"unshare">): void {
  unshare(step.flags);
}

/** A keyring of the container's own: the caller's session keys stay unseen (keyctl(2)). */
export function joinSessionKeyring(step: StepOf<"join session keyring">): void {
  const KEYCTL_JOIN_SESSION_KEYRING = 1;
  try {
    syscall("keyctl", step.name, KEYCTL_JOIN_SESSION_KEYRING, cstring(step.name));
  } catch (error) {
    // A kernel built without keys has none to hide.
    if (!(error instanceof SysError && error.code === "ENOSYS")) throw error;
  }
}

/** `lo` of a new network namespace, which nobody else sets up. */
export function loopbackUp(): void {
  setLoopbackUp();
}

/** The name of a new UTS namespace (uts_namespaces(7)). */
export function setHostname(step: StepOf<"hostname">): void {
  sethostname(step.name);
}

/** The NIS domain name of a new UTS namespace. */
export function setDomainname(step: StepOf<"domainname">): void {
  setdomainname(step.name);
}

/** The hard limits have been raised before, where that took rights; what is left to do takes none (prlimit(2)). */
export function setRlimits(step: StepOf<"rlimits">): void {
  const calls = step.limits.map(({ resource, soft, hard }) =>
    preparedSetrlimit(resource, soft, hard)
  );
  // From here to `execve` nothing may take memory: there may be none to have.
  for (let i = 0; i < calls.length; i++) {
    if (calls[i]() !== -1) continue;
    const { resource, soft, hard } = step.limits[i];
    throw new SysError("prlimit64", errno(), `resource ${resource} to ${soft}:${hard}`);
  }
}

/** No set-user-ID bit or file capability gives anything from now on (PR_SET_NO_NEW_PRIVS(2const)). */
export function setNoNewPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/** The ids of a new user namespace are mapped from outside; only then is there a root to be. */
export function waitForMappings(context: InitContext): void {
  awaitGo(context);
}

/** In a user namespace: the root of the host is nobody there. */
export function becomeRoot({ keepsGroups }: StepOf<"become root">): void {
  try {
    if (!keepsGroups) setgroups([]);
  } catch (error) {
    // Where setgroups is denied, the groups are the caller's, who has no rights either.
    if (!(error instanceof SysError && error.code === "EPERM")) throw error;
  }
  setresgid(0);
  setresuid(0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** The parent does its part now: the namespaces and mounts are there, the root is not yet entered. */
export function waitForParent(context: InitContext): void {
  if (context.actAsParent !== undefined) return context.actAsParent();
  tell(context.channel, { type: "built" });
  awaitGo(context);
}

/** Until here a failure is one of `create`. */
export function tellReady(context: InitContext): void {
  tell(context.channel, { type: "ready" });
}

/**
 * The container is built: somebody else decides when, and whether, the program starts. Where that is
 * not the parent but a later `start`, the channel is from now on the connection to it, under the
 * number that the launcher knows.
 */
export function waitUntilStarted(context: InitContext, step: StepOf<"wait for start">): void {
  if (step.listener !== undefined) {
    close(context.channel);
    const connection = accept(step.listener);
    close(step.listener);
    if (connection !== context.channel) {
      dup3(connection, context.channel);
      close(connection);
    }
  }
  awaitGo(context);
}

function awaitGo(context: InitContext): void {
  const pid = waitForGo(context.channel);
  if (pid === undefined) throw new InitError("the parent is gone");
  context.pid = pid;
}

/** After joining a container: what it has as its root. */
export function takeRoot(context: InitContext): void {
  context.root = openat(AT_FDCWD, "/", O_PATH);
}
