/**
 * The launcher as a container's first process. gocontainer itself is in the container's namespaces while
 * the root is built, and leaves them; the first process is never a copy of it, which would have to be paid
 * for page by page, but a launcher from its first instruction on. It does what only a process itself can do,
 * as two programs, of which the second one is written while the first one waits:
 *
 *     setsid, signals, umask                                           beginning
 *     fsopen("proc") ── opened {fd} ──▶                                for each procfs: it shows the pid
 *     cgroups, cgroup namespace, keyring                               namespace of who opens it
 *     begun ──▶
 *     ◀── go;  execveat(second program)
 *     working folder, user, capabilities                               ending
 *     ready ──▶
 *     ◀── go
 *     a child for each hook: limits, filter, execve(hook);  its status ──▶,  ◀── go
 *     limits, filter, execve(program)
 *
 * What fails is told by its number among all that may, and the error.
 */
import { CAP_SYS_ADMIN, CAPABILITY_VERSION, capabilityData } from "../../../ffi/capability.ts";
import { cstring } from "../../../ffi/cstring.ts";
import {
  CLOSE_RANGE_CLOEXEC,
  F_SETFD,
  FD_CLOEXEC,
  LAST_FD,
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
} from "../../../ffi/process.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_RDWR, SIGNALS } from "../../../ffi/constants.ts";
import { alloc } from "../../../ffi/struct.ts";
import { TIOCSCTTY } from "../../../ffi/tty.ts";
import { type Executing, messageBytes } from "../channel.ts";
import type {
  CapabilityMasks,
  CredentialsStep,
  LauncherStep,
  SeccompFilter,
  Step,
  StepOf,
} from "../plan.ts";
import { becomeProgram, type LaunchedHooks, loadFilter, setLimits } from "./image.ts";
import { MESSAGES } from "./messages.ts";
import { type Failure, Program } from "./program.ts";

const FSOPEN_CLOEXEC = 1;
const SIG_SETMASK = 2;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const ENOSYS = 38;

/** The first program's part of the plan. */
export const BEGINNING = [
  "start afresh",
  "join cgroups",
  "join namespace",
  "unshare",
  "join session keyring",
] as const satisfies readonly Step["do"][];

/** The second one's. */
export const ENDING = [
  "terminal",
  "no new privileges",
  "enter working folder",
  "become user",
  "enter working folder as user",
  "die with parent",
  "tell ready",
  "wait for start",
  "hand over",
  "rlimits",
  "seccomp",
  "exec",
] as const satisfies readonly Step["do"][];

/** A step of the first program. */
export type Beginning = StepOf<typeof BEGINNING[number]>;
/** A step of the second program. */
export type Ending = StepOf<typeof ENDING[number]>;

/** What the first program needs besides the steps. */
export interface BeginningOptions {
  readonly channel: number;
  /** A file that the second program will be in. */
  readonly next: number;
  /** A socket to wait on later, where there is one. */
  readonly listener?: number;
  /** The terminal, open, where it is so already. */
  readonly terminal?: number;
  /** How many contexts of procfs to open. */
  readonly procs: number;
  /** Gets what may fail. */
  readonly failures: Failure[];
  /** Signals that are ignored. */
  readonly ignored: readonly number[];
}

/** The first program. */
export function beginningImage(
  steps: readonly Beginning[],
  options: BeginningOptions,
): Uint8Array<ArrayBuffer> {
  const { channel, next, listener, terminal, procs, failures } = options;
  const program = new Program(channel, failures);
  for (const step of steps) {
    program.begin(step);
    switch (step.do) {
      case "start afresh":
        startAfresh(program, step, options);
        if (terminal !== undefined) {
          [0, 1, 2].forEach((fd) => program.call("dup3", terminal, fd, 0));
        }
        // At once, for whoever waits for them can do without the rest for a while.
        openProcs(program, procs);
        break;
      case "join cgroups": {
        const self = program.data.add(cstring("0"));
        for (const fd of step.fds) program.call("write", fd, self, 1);
        break;
      }
      case "join namespace":
        program.call("setns", step.fd, step.flag);
        break;
      case "unshare":
        program.call("unshare", step.flags);
        break;
      case "join session keyring":
        program.callUnless(
          ENOSYS,
          "keyctl",
          KEYCTL_JOIN_SESSION_KEYRING,
          program.data.text(step.name),
        );
    }
  }
  program.tell(MESSAGES.begun);
  program.awaitGo();
  program.call("fcntl", channel, F_SETFD, 0);
  if (listener !== undefined) program.call("fcntl", listener, F_SETFD, 0);
  const argv = program.data.strings(["gocontainer-init"]);
  program.call(
    "execveat",
    next,
    program.data.text(""),
    argv,
    program.data.strings([]),
    AT_EMPTY_PATH,
  );
  return program.image();
}

function openProcs(program: Program, count: number): void {
  if (count === 0) return;
  program.begin({ do: "mount", label: "mount proc" });
  const proc = program.data.text("proc");
  for (let i = 0; i < count; i++) {
    program.call("fsopen", proc, FSOPEN_CLOEXEC);
    program.tell(MESSAGES.opened);
  }
}

/** As steps/process.ts does it in a process that was forked. */
function startAfresh(
  program: Program,
  step: StepOf<"start afresh">,
  { ignored }: BeginningOptions,
): void {
  program.call("setsid");
  const byDefault = program.data.add(alloc(32));
  for (const signal of new Set([...ignored, ...OF_LIBC])) {
    program.call("rt_sigaction", signal, byDefault, 0, 8);
  }
  program.call("rt_sigprocmask", SIG_SETMASK, byDefault, 0, 8);
  program.call("umask", 0);
  // Out of whatever folder of the host this is: with the old root it is let go of.
  program.call("chdir", program.data.text("/"));
  for (const fd of step.close) program.attempt("close", fd);
  program.call("close_range", 3 + step.keep, LAST_FD, CLOSE_RANGE_CLOEXEC);
}

/** Signals of the C library's own, which its posix_spawn(3) leaves ignored. */
const OF_LIBC = [32, 33];

/** What the second program needs besides the steps. */
export interface EndingOptions {
  readonly channel: number;
  /** The program that is found, its arguments and environment. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Why it could be refused. */
  readonly reasons: Executing["reasons"];
  /** The path of its terminal, where that is to be opened. */
  readonly terminal?: string;
  /** What comes right before the program, besides the steps. */
  readonly launcher: Pick<LauncherStep, "limits" | "filter" | "listener" | "sibling">;
  /** Run before the program. */
  readonly hooks?: LaunchedHooks;
  /** The capabilities that are in the bounding set now. */
  readonly bounding: bigint;
  /** Gets what may fail. */
  readonly failures: Failure[];
}

/** The second program. */
export function endingImage(
  steps: readonly Ending[],
  options: EndingOptions,
): Uint8Array<ArrayBuffer> {
  const { channel, failures } = options;
  const program = new Program(channel, failures);
  // Whom `exec` brings into the container before the start has no business in here.
  program.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0);
  program.call("fcntl", channel, F_SETFD, FD_CLOEXEC);
  for (const step of steps) {
    program.begin(step);
    endingStep(program, step, options);
  }
  return program.image();
}

function endingStep(program: Program, step: Ending, options: EndingOptions): void {
  const { data } = program;
  switch (step.do) {
    case "terminal":
      if (options.terminal === undefined) return;
      // Its name leads nowhere else: only gocontainer has been in the container yet.
      program.call("openat", AT_FDCWD, data.text(options.terminal), O_RDWR | O_CLOEXEC, 0);
      program.callOnResult("dup3", 0, 0);
      program.call("dup3", 0, 1, 0);
      program.call("dup3", 0, 2, 0);
      return program.call("ioctl", 0, TIOCSCTTY, 0);
    case "no new privileges":
      return program.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case "become user":
      return becomeUser(program, step, options.bounding);
    case "enter working folder":
    case "enter working folder as user":
      return program.call("chdir", data.text(step.path));
    case "die with parent":
      // Of a parent that has ended already it hears nothing more when it waits.
      return program.call("prctl", PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
    case "tell ready":
      return program.tell(MESSAGES.ready);
    case "wait for start":
      if (step.listener !== undefined) program.connect(step.listener);
      return program.awaitGo();
    case "hand over": {
      const { path, reasons } = options;
      return program.say(messageBytes({ type: "exec", path, reasons }));
    }
    case "rlimits":
      return setLimits(program, step.limits);
    case "seccomp":
      return loadFilterAs(program, step.filter, step.capabilities);
    case "exec": {
      const { limits, filter, listener, sibling } = options.launcher;
      if (sibling !== undefined) program.becomeSibling(sibling);
      else if (listener !== undefined) {
        program.tell(MESSAGES.ready);
        program.connect(listener);
      }
      if (sibling !== undefined || listener !== undefined) program.awaitGo();
      return becomeProgram(program, { limits, filter, hooks: options.hooks }, options);
    }
  }
}

/** As steps/credentials.ts does it in a process that was forked, which says why in this order. */
function becomeUser(program: Program, step: CredentialsStep, bounding: bigint): void {
  const { data } = program;
  const { effective, permitted, inheritable, ambient } = step.capabilities;
  program.call("umask", step.umask);
  for (const capability of bitsOf(bounding & ~step.capabilities.bounding)) {
    program.call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  program.call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (step.groups !== undefined) {
    const groups = new Uint32Array(step.groups);
    program.call("setgroups", groups.length, data.add(new Uint8Array(groups.buffer)));
  }
  program.call("setresgid", step.gid, step.gid, step.gid);
  program.call("setresuid", step.uid, step.uid, step.uid);
  program.call("prctl", PR_SET_KEEPCAPS, 0, 0, 0, 0);
  setCapabilities(program, { effective, permitted: permitted | step.retained, inheritable });
  program.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (const capability of bitsOf(ambient)) {
    program.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  }
}

/** As steps/seccomp.ts does it: with `capabilities` for a filter whose loading takes more than the program has. */
function loadFilterAs(
  program: Program,
  filter: SeccompFilter,
  capabilities?: CapabilityMasks,
): void {
  if (capabilities === undefined) return loadFilter(program, filter);
  const { permitted, effective, inheritable } = capabilities;
  setCapabilities(program, {
    permitted: permitted | CAP_SYS_ADMIN,
    effective: effective | CAP_SYS_ADMIN,
    inheritable,
  });
  loadFilter(program, filter);
  setCapabilities(program, capabilities);
}

function setCapabilities(
  program: Program,
  sets: Pick<CapabilityMasks, "effective" | "permitted" | "inheritable">,
): void {
  const header = alloc(8);
  new DataView(header.buffer).setUint32(0, CAPABILITY_VERSION, true);
  program.call("capset", program.data.add(header), program.data.add(capabilityData(sets)));
}

function bitsOf(mask: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; mask > 0n; bit++, mask >>= 1n) if (mask & 1n) bits.push(bit);
  return bits;
}
