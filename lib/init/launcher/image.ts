import type { SeccompFilter } from "../plan.ts";
import type { Instruction } from "./code.ts";
import { Data } from "./data.ts";
import { elfImage, type Machine } from "./elf.ts";
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
  /** It waits for the start on this listening socket; the connection that comes is the channel from then on. */
  readonly listener?: number;
  /** The program is a process of its own, beside this one (CLONE_PARENT). */
  readonly sibling?: {
    /** Whether standard input is to be its controlling terminal. */
    readonly terminal: boolean;
    /** Whether it ends with its parent. */
    readonly dieWithParent: boolean;
  };
}

/** What the launcher's messages are: 32 bits, and 32 bits of value after them. */
export const MESSAGES = { born: 1, refused: 2, ready: 3, opened: 4, begun: 5 } as const;

/** Length of a message, and of the word that lets it go on, in bytes. */
export const MESSAGE = 8;
export const WORD = 4;

const CLONE_PARENT = 0x8000;
const F_SETFD = 2;
const O_CLOEXEC = 0o2000000;
const FD_CLOEXEC = 1;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const SIGKILL = 9;
const TIOCSCTTY = 0x540e;
const SECCOMP_SET_MODE_FILTER = 1;
const FAILED = 127;

/** The launcher's program; what it refers to goes into `data`. */
function instructionsOf(launch: Launch, data: Data): Instruction[] {
  const { channel, limits = [], filter, listener, sibling } = launch;
  const orFail: Instruction = { jump: "fail", when: "negative" };
  const waits = sibling !== undefined || listener !== undefined;
  const closed = [channel, ...listener === undefined ? [] : [listener]];
  const own: Instruction[] = sibling === undefined ? [] : [
    { call: "clone", args: [CLONE_PARENT, 0, 0, 0, 0] },
    orFail,
    { jump: "born", when: "zero" },
    { message: MESSAGES.born, of: "result" },
    { call: "write", args: [channel, "room", MESSAGE] },
    { call: "exit_group", args: [0] },
    { label: "born" },
    { call: "setsid", args: [] },
    ...sibling.terminal
      ? [{ call: "ioctl", args: [0, TIOCSCTTY, 0] } satisfies Instruction, orFail]
      : [],
    ...sibling.dieWithParent
      ? [{ call: "prctl", args: [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0] } satisfies Instruction]
      : [],
  ];
  const connect: Instruction[] = listener === undefined ? [] : [
    ...sibling === undefined
      ? [
        { message: MESSAGES.ready, of: "result" } satisfies Instruction,
        { call: "write", args: [channel, "room", MESSAGE] } satisfies Instruction,
      ]
      : [],
    { call: "accept4", args: [listener, 0, 0, O_CLOEXEC] },
    orFail,
    { call: "dup3", args: ["result", channel, O_CLOEXEC] },
    orFail,
  ];
  const wait: Instruction[] = waits
    ? [{ call: "read", args: [channel, "room", WORD] }, { jump: "exit", when: { not: WORD } }]
    : [];
  const limit = limits.flatMap((limit): Instruction[] => [
    { call: "prlimit64", args: [0, limit.resource, limitIn(data, limit), 0] },
    orFail,
  ]);
  const load: Instruction[] = filter === undefined ? [] : [
    { call: "seccomp", args: [SECCOMP_SET_MODE_FILTER, filter.flags, filterIn(data, filter)] },
    orFail,
  ];
  return [
    ...waits ? [{ call: "prctl", args: [PR_SET_DUMPABLE, 0, 0, 0, 0] } satisfies Instruction] : [],
    ...closed.flatMap((fd): Instruction[] => [
      { call: "fcntl", args: [fd, F_SETFD, FD_CLOEXEC] },
      orFail,
    ]),
    ...own,
    ...connect,
    ...wait,
    ...limit,
    ...load,
    { call: "execve", args: ["path", "argv", "envp"] },
    { label: "fail" },
    { message: MESSAGES.refused, of: "error" },
    { call: "write", args: [channel, "room", MESSAGE] },
    { label: "exit" },
    { call: "exit_group", args: [FAILED] },
  ];
}

/** The launcher as an ELF file. */
export function launcherImage(launch: Launch, machine?: Machine): Uint8Array<ArrayBuffer> {
  const data = new Data();
  return elfImage(instructionsOf(launch, data), data, machine);
}
