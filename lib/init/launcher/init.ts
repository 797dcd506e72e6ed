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
 *     user, capabilities, working folder                               ending
 *     ready ──▶
 *     ◀── go;  limits, filter, execve(program)
 *
 * What fails is told in two messages: `failing` with the step in words, and `refused` with the error.
 */
import { CAPABILITY_VERSION, capabilityData } from "../../../ffi/capability.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { CLOSE_RANGE_CLOEXEC, LAST_FD } from "../../../ffi/process.ts";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
} from "../../../ffi/process.ts";
import { SECCOMP_SET_MODE_FILTER } from "../../../ffi/seccomp.ts";
import type { SyscallName } from "../../../ffi/syscalls.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_RDWR, SIGNALS } from "../../../ffi/constants.ts";
import { alloc } from "../../../ffi/struct.ts";
import { type Executing, messageBytes } from "../channel.ts";
import type {
  CapabilityMasks,
  CredentialsStep,
  LauncherStep,
  SeccompFilter,
  Step,
  StepOf,
} from "../plan.ts";
import type { Instruction, Operand } from "./code.ts";
import { Data } from "./data.ts";
import { elfImage } from "./elf.ts";
import { type Limit, MESSAGE, MESSAGES, WORD } from "./image.ts";
import { filterIn, limitIn } from "./structs.ts";

const TIOCSCTTY = 0x540e;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const FSOPEN_CLOEXEC = 1;
const SIG_SETMASK = 2;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const ENOSYS = 38;
const CAP_SYS_ADMIN = 1n << 21n;
const CLONE_PARENT = 0x8000;
const FAILED = 127;

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
  "become user",
  "enter working folder",
  "tell ready",
  "wait for start",
  "hand over",
  "die with parent",
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
  /** How many contexts of procfs to open. */
  readonly procs: number;
  /** Signals that are ignored. */
  readonly ignored: readonly number[];
}

/** The first program. */
export function beginningImage(
  steps: readonly Beginning[],
  options: BeginningOptions,
): Uint8Array<ArrayBuffer> {
  const { channel, next, listener, procs } = options;
  const program = new Program(channel);
  for (const step of steps) {
    program.begin(step);
    switch (step.do) {
      case "start afresh":
        startAfresh(program, step, options);
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
  /** The path of its terminal, where it has one. */
  readonly terminal?: string;
  /** What comes right before the program, besides the steps. */
  readonly launcher: Pick<LauncherStep, "limits" | "filter" | "listener" | "sibling">;
  /** The capabilities that are in the bounding set now. */
  readonly bounding: bigint;
}

/** The second program. */
export function endingImage(
  steps: readonly Ending[],
  options: EndingOptions,
): Uint8Array<ArrayBuffer> {
  const { channel } = options;
  const program = new Program(channel);
  // Whom `exec` brings into the container before the start has no business in here.
  program.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0);
  program.call("fcntl", channel, F_SETFD, FD_CLOEXEC);
  const diesWithParent = steps.some((step) => step.do === "die with parent");
  for (const step of steps) {
    program.begin(step);
    endingStep(program, step, { ...options, diesWithParent });
  }
  return program.image();
}

function endingStep(
  program: Program,
  step: Ending,
  { channel, diesWithParent, ...options }: EndingOptions & { readonly diesWithParent: boolean },
): void {
  const { data } = program;
  switch (step.do) {
    case "terminal":
      // Its name leads nowhere else: only gocontainer has been in the container yet.
      program.call("openat", AT_FDCWD, data.text(options.terminal!), O_RDWR | O_CLOEXEC, 0);
      program.call("dup3", "result", 0, 0);
      program.call("dup3", 0, 1, 0);
      program.call("dup3", 0, 2, 0);
      return program.call("ioctl", 0, TIOCSCTTY, 0);
    case "no new privileges":
      return program.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case "become user":
      return becomeUser(program, step, options.bounding);
    case "enter working folder":
      return program.call("chdir", data.text(step.path));
    case "tell ready":
      return program.tell(MESSAGES.ready);
    case "wait for start":
      // Before it waits: a parent that ends from now on takes it along, and of one that has ended already
      // it hears nothing more (prctl(2)).
      if (diesWithParent) program.call("prctl", PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
      if (step.listener !== undefined) connect(program, step.listener, channel);
      return program.awaitGo();
    case "hand over": {
      const { path, reasons } = options;
      return program.say(messageBytes({ type: "exec", path, reasons }));
    }
    case "die with parent":
      return;
    case "rlimits":
      return setLimits(program, step.limits);
    case "seccomp":
      return loadFilter(program, step.filter, step.capabilities);
    case "exec": {
      const { limits = [], filter, listener, sibling } = options.launcher;
      if (sibling !== undefined) program.becomeSibling(sibling.dieWithParent);
      else if (listener !== undefined) {
        program.tell(MESSAGES.ready);
        connect(program, listener, channel);
        program.awaitGo();
      }
      setLimits(program, limits);
      if (filter !== undefined) loadFilter(program, filter);
      return program.become(
        data.text(options.path),
        data.strings(options.argv),
        data.strings(options.env),
      );
    }
  }
}

/** The connection that comes takes the channel's place. */
function connect(program: Program, listener: number, channel: number): void {
  program.call("accept4", listener, 0, 0, O_CLOEXEC);
  program.call("dup3", "result", channel, O_CLOEXEC);
  program.call("close", listener);
}

function setLimits(program: Program, limits: readonly Limit[]): void {
  for (const limit of limits) {
    program.call("prlimit64", 0, limit.resource, limitIn(program.data, limit), 0);
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
  const groups = new Uint32Array(step.groups);
  program.call("setgroups", groups.length, data.add(new Uint8Array(groups.buffer)));
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
function loadFilter(
  program: Program,
  filter: SeccompFilter,
  capabilities?: CapabilityMasks,
): void {
  if (capabilities !== undefined) {
    const { permitted, effective, inheritable } = capabilities;
    setCapabilities(program, {
      permitted: permitted | CAP_SYS_ADMIN,
      effective: effective | CAP_SYS_ADMIN,
      inheritable,
    });
  }
  program.call(
    "seccomp",
    SECCOMP_SET_MODE_FILTER,
    filter.flags,
    filterIn(program.data, filter),
  );
  if (capabilities !== undefined) setCapabilities(program, capabilities);
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
  for (let bit = 0; mask >> BigInt(bit) > 0n; bit++) if ((mask >> BigInt(bit)) & 1n) bits.push(bit);
  return bits;
}

/** A program in the making: step by step, with what is to be told when one of them fails. */
class Program {
  readonly data = new Data();
  readonly #channel: number;
  readonly #code: Instruction[] = [];
  /** What may fail, by what is to be told then; the value is where the code for it begins. */
  readonly #failing = new Map<string, string>();
  #step: Pick<Step, "do" | "label"> = { do: "start afresh", label: "begin" };
  #labels = 0;

  constructor(channel: number) {
    this.#channel = channel;
  }

  /** What comes from now on belongs to this step. */
  begin(step: Pick<Step, "do" | "label">): void {
    this.#step = step;
  }

  /** A system call that has to succeed. */
  call(call: SyscallName, ...args: Operand[]): void {
    this.#code.push({ call, args }, { jump: this.#fail(call), when: "negative" });
  }

  /** A system call whatever comes of it. */
  attempt(call: SyscallName, ...args: Operand[]): void {
    this.#code.push({ call, args });
  }

  /** A system call that has to succeed unless its error is this one. */
  callUnless(errno: number, call: SyscallName, ...args: Operand[]): void {
    const other = `other ${this.#labels++}`;
    const done = `done ${this.#labels++}`;
    this.#code.push(
      { call, args },
      { jump: other, when: { not: -errno } },
      { jump: done },
      { label: other },
      { jump: this.#fail(call), when: "negative" },
      { label: done },
    );
  }

  /** Tells what the last call has returned. */
  tell(message: number): void {
    this.#code.push(
      { message, of: "result" },
      { call: "write", args: [this.#channel, "room", MESSAGE] },
    );
  }

  /** Says what was written down before. */
  say(bytes: Uint8Array): void {
    this.#code.push({
      call: "write",
      args: [this.#channel, this.data.add(bytes), bytes.length],
    });
  }

  /** Waits for the word to go on; without it, it ends. */
  awaitGo(): void {
    this.#code.push(
      { call: "read", args: [this.#channel, "room", WORD] },
      { jump: "exit", when: { not: WORD } },
    );
  }

  /**
   * Goes on as a process of its own beside this one, which tells its number and ends: the only one that is in the
   * pid namespace. It waits for the start.
   */
  becomeSibling(diesWithParent: boolean): void {
    this.call("clone", CLONE_PARENT, 0, 0, 0, 0);
    this.#code.push({ jump: "born", when: "zero" });
    this.tell(MESSAGES.born);
    this.#code.push({ call: "exit_group", args: [0] }, { label: "born" });
    this.attempt("setsid");
    if (diesWithParent) this.call("prctl", PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0);
    this.awaitGo();
  }

  /** Becomes the program; a failure has its words already. */
  become(path: Operand, argv: Operand, envp: Operand): void {
    this.#code.push({ call: "execve", args: [path, argv, envp] }, { jump: "refused" });
  }

  /** The whole of it as a file. */
  image(): Uint8Array<ArrayBuffer> {
    const write: Instruction = { call: "write", args: [this.#channel, "room", MESSAGE] };
    const error: Instruction = { message: MESSAGES.refused, of: "error" };
    const code: Instruction[] = [...this.#code];
    for (const [failed, label] of this.#failing) {
      const words = cstring(`{"type":"failing","failed":${failed}}`).subarray(0, -1);
      code.push(
        { label },
        error,
        { call: "write", args: [this.#channel, this.data.add(words), words.length] },
        { jump: "tell" },
      );
    }
    code.push(
      { label: "refused" },
      error,
      { label: "tell" },
      write,
      { label: "exit" },
      { call: "exit_group", args: [FAILED] },
    );
    return elfImage(code, this.data);
  }

  /** Where it goes on when a call of the present step has failed. */
  #fail(call: SyscallName): string {
    const { do: step, label } = this.#step;
    const failed = JSON.stringify({ type: "failed", step, label, call, detail: "" });
    if (!this.#failing.has(failed)) this.#failing.set(failed, `fail ${this.#failing.size}`);
    return this.#failing.get(failed)!;
  }
}
