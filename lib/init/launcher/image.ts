import { alloc } from "../../../ffi/struct.ts";
import type { SeccompFilter } from "../plan.ts";
import { aarch64 } from "./aarch64.ts";
import { codeOf, type Instruction } from "./code.ts";
import { x86_64 } from "./x86_64.ts";

/** A machine that the launcher is written for, as `Deno.build.arch` names it. */
export type Machine = "x86_64" | "aarch64";

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
export const MESSAGES = { born: 1, refused: 2, ready: 3 } as const;

/** Length of a message, and of the word that lets it go on, in bytes. */
const MESSAGE = 8;
const WORD = 4;

/** Where the file lies in memory: low enough for four bytes, above what mmap(2) refuses. */
const BASE = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const CODE = ELF_HEADER + PROGRAM_HEADER;
/** struct sock_fprog: the length in instructions, and from byte 8 on the address of the first. */
const SOCK_FPROG = 16;
/** struct rlimit64. */
const RLIMIT = 16;

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

/** The launcher's program, with the data that it uses at the offsets of {@link dataOf}. */
export function instructionsOf(launch: Launch): Instruction[] {
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
  const limit = limits.flatMap(({ resource }, i): Instruction[] => [
    { call: "prlimit64", args: [0, resource, { data: i * RLIMIT }, 0] },
    orFail,
  ]);
  const load: Instruction[] = filter === undefined ? [] : [
    {
      call: "seccomp",
      args: [SECCOMP_SET_MODE_FILTER, filter.flags, { data: limits.length * RLIMIT }],
    },
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

/** The launcher as a static ELF file, elf(5). */
export function launcherImage(
  launch: Launch,
  machine: Machine = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const assembler = machine === "x86_64" ? x86_64 : aarch64;
  const instructions = instructionsOf(launch);
  // The length does not depend on the address, so it is asked for with any.
  const length = codeOf(instructions, assembler, 0).length;
  const start = Math.ceil((CODE + length) / 8) * 8;
  const data = dataOf(launch, BASE + start);
  const size = start + data.length;
  const image = alloc(size);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, assembler.machine, true); // e_machine
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, BigInt(BASE + CODE), true); // e_entry
  view.setBigUint64(32, BigInt(ELF_HEADER), true); // e_phoff
  view.setUint16(52, ELF_HEADER, true); // e_ehsize
  view.setUint16(54, PROGRAM_HEADER, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(ELF_HEADER, 1, true); // p_type: PT_LOAD
  view.setUint32(ELF_HEADER + 4, 5, true); // p_flags: readable, executable
  view.setBigUint64(ELF_HEADER + 16, BigInt(BASE), true); // p_vaddr
  view.setBigUint64(ELF_HEADER + 24, BigInt(BASE), true); // p_paddr
  view.setBigUint64(ELF_HEADER + 32, BigInt(size), true); // p_filesz
  view.setBigUint64(ELF_HEADER + 40, BigInt(size), true); // p_memsz
  view.setBigUint64(ELF_HEADER + 48, 0x10000n, true); // p_align: the largest page of both
  image.set(codeOf(instructions, assembler, BASE + start), CODE);
  image.set(data, start);
  return image;
}

/** What the code refers to: the limits, and the filter with its header before it. */
function dataOf({ filter, limits = [] }: Launch, address: number): Uint8Array {
  const header = limits.length * RLIMIT;
  const data = alloc(header + (filter ? SOCK_FPROG + filter.program.length : 0));
  const view = new DataView(data.buffer);
  limits.forEach(({ soft, hard }, i) => {
    view.setBigUint64(i * RLIMIT, soft, true);
    view.setBigUint64(i * RLIMIT + 8, hard, true);
  });
  if (filter) {
    view.setUint16(header, filter.program.length / 8, true);
    view.setBigUint64(header + 8, BigInt(address + header + SOCK_FPROG), true);
    data.set(filter.program, header + SOCK_FPROG);
  }
  return data;
}
