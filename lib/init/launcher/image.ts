import { O_CLOEXEC, O_WRONLY } from "../../../ffi/constants.ts";
import { open_how } from "../../../ffi/file.ts";
import {
  CLOSE_RANGE_CLOEXEC,
  F_SETFD,
  FD_CLOEXEC,
  LAST_FD,
  PR_SET_DUMPABLE,
} from "../../../ffi/process.ts";
import { SECCOMP_SET_MODE_FILTER } from "../../../ffi/seccomp.ts";
import type { SeccompFilter } from "../plan.ts";
import { WITHIN_PROC } from "../procfs.ts";
import type { Machine } from "./interpreter.ts";
import { MESSAGES } from "./messages.ts";
import { Program } from "./program.ts";
import { filterIn, limitIn } from "./structs.ts";

/** A limit of a process as setrlimit(2) has it. */
export interface Limit {
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** What the launcher is made for. */
export interface Launch {
  /** The socket that hears of a failure; close-on-exec for the program. */
  readonly channel: number;
  /** Set right before the program, and before the filter. */
  readonly limits?: readonly Limit[];
  /** Loaded right before the program. */
  readonly filter?: SeccompFilter;
  /** Run before the program, one after the other, each under the same limits and filter. */
  readonly hooks?: LaunchedHooks;
  /** Said at first: it is true from the next `execve` on. */
  readonly label?: Label;
  /** It waits for the start on this listening socket; the connection that comes is the channel from then on. */
  readonly listener?: number;
  /** The program is a process of its own, beside this one (CLONE_PARENT). */
  readonly sibling?: {
    /** Whether standard input is to be its controlling terminal. */
    readonly terminal: boolean;
  };
}

/** What the launcher becomes. */
export interface LaunchedProgram {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** What a program is to SELinux. */
export interface Label {
  /** The root of a procfs, open; close-on-exec for the program. */
  readonly proc: number;
  readonly value: string;
}

/** Programs that the launcher runs on the way, each with the container's state as its standard input. */
export interface LaunchedHooks {
  readonly programs: readonly LaunchedProgram[];
  readonly state: string;
}

/** The launcher as an ELF file, for a process that is already all that the program is to be. */
export function launcherImage(
  launch: Launch,
  launched: LaunchedProgram,
  machine?: Machine,
): Uint8Array<ArrayBuffer> {
  const { channel, hooks, label, listener, sibling } = launch;
  const program = new Program(channel, undefined, machine);
  const waits = sibling !== undefined || listener !== undefined;
  // Before the files of its own are another one's, as they are of who cannot be dumped (proc(5)).
  if (label !== undefined) takeLabel(program, label);
  if (waits || hooks !== undefined) program.attempt("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0);
  program.call("fcntl", channel, F_SETFD, FD_CLOEXEC);
  if (sibling !== undefined) program.becomeSibling(sibling);
  if (listener !== undefined) {
    if (sibling === undefined) program.tell(MESSAGES.ready);
    program.connect(listener);
  }
  if (waits) program.awaitGo();
  becomeProgram(program, launch, launched);
  return program.image();
}

/** The end of it: the hooks, and the program. */
export function becomeProgram(
  program: Program,
  { limits = [], filter, hooks }: Pick<Launch, "limits" | "filter" | "hooks">,
  launched: LaunchedProgram,
): void {
  const become = ({ path, argv, env }: LaunchedProgram) => {
    setLimits(program, limits);
    if (filter !== undefined) loadFilter(program, filter);
    program.become(path, argv, env);
  };
  for (const hook of hooks?.programs ?? []) {
    program.runChild(() => {
      takeInput(program, hooks!.state);
      become(hook);
    });
  }
  become(launched);
}

function takeLabel(program: Program, { proc, value }: Label): void {
  const { data } = program;
  const how = open_how.encode({ flags: O_WRONLY | O_CLOEXEC, mode: 0, resolve: WITHIN_PROC });
  program.call("fcntl", proc, F_SETFD, FD_CLOEXEC);
  program.call("openat2", proc, data.text("self/attr/exec"), data.add(how), open_how.size);
  const text = new TextEncoder().encode(value);
  program.callOnResult("write", data.add(text), text.length);
}

/** A file of memory: who does not read it ends without a SIGPIPE for somebody, and its size does not matter. */
function takeInput(program: Program, input: string): void {
  const MFD_CLOEXEC = 1;
  const text = new TextEncoder().encode(input);
  program.call("memfd_create", program.data.text("state"), MFD_CLOEXEC);
  program.callOnResult("dup3", 0, 0);
  program.call("write", 0, program.data.add(text), text.length);
  program.call("lseek", 0, 0, 0);
  // What is passed on is the program's alone.
  program.call("close_range", 3, LAST_FD, CLOSE_RANGE_CLOEXEC);
}

/** Sets limits right before the program. */
export function setLimits(program: Program, limits: readonly Limit[]): void {
  for (const limit of limits) {
    program.call("prlimit64", 0, limit.resource, limitIn(program.data, limit), 0);
  }
}

/** Loads a filter. */
export function loadFilter(program: Program, filter: SeccompFilter): void {
  const address = filterIn(program.data, filter);
  program.call("seccomp", SECCOMP_SET_MODE_FILTER, filter.flags, address);
}
