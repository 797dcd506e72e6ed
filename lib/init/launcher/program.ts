import { type SyscallName, syscallsOf } from "../../../ffi/syscalls.ts";
import { TIOCSCTTY } from "../../../ffi/tty.ts";
import { CLONE_PARENT, O_CLOEXEC, SIGNALS } from "../../../ffi/constants.ts";
import type { Step } from "../plan.ts";
import type { Data } from "./data.ts";
import { ElfFile } from "./elf.ts";
import { FLAGS, type Machine, ROW } from "./interpreter.ts";
import { MESSAGE, MESSAGES, STATUS, WORD } from "./messages.ts";

const FAILED = 127;
const ALL_BITS = 0xffffffff;
/** The second row, by its place in the table in bytes. */
const EXIT = 4 * ROW;
/** The word of a jump that says where to. */
const TARGET = 3;

/** A call of a program that may fail, and the step that it belongs to. */
export interface Failure {
  readonly step: string;
  readonly label: string;
  readonly call: SyscallName;
}

/** What the launcher shall do, in the making: system calls, one after the other. */
export class Program {
  readonly data: Data;
  readonly #file: ElfFile;
  readonly #channel: number;
  readonly #numbers: Readonly<Record<SyscallName, number>>;
  readonly #failures?: Failure[];
  readonly #words: number[] = [];
  #step: Pick<Step, "do" | "label"> = { do: "start afresh", label: "begin" };

  /**
   * @param channel where it speaks with its maker.
   * @param failures gets what may fail; without, a failure is told by its error alone.
   */
  constructor(channel: number, failures?: Failure[], machine: Machine = Deno.build.arch) {
    this.#channel = channel;
    this.#failures = failures;
    this.#numbers = syscallsOf(machine);
    this.#file = new ElfFile(machine);
    this.data = this.#file.data;
    // The two rows that come after a failure.
    this.#row(FLAGS.ROOM, "write", [channel, 0, MESSAGE], 0);
    this.#row(0, "exit_group", [FAILED], 0);
  }

  /** What comes from now on belongs to this step. */
  begin(step: Pick<Step, "do" | "label">): void {
    this.#step = step;
  }

  /** A system call that has to succeed. Arguments count as 32 bits without a sign. */
  call(call: SyscallName, ...args: number[]): void {
    this.#row(0, call, args, this.#failure(call));
  }

  /** The same, with what the last one has returned as first argument. */
  callOnResult(call: SyscallName, ...args: number[]): void {
    this.#row(FLAGS.RESULT, call, [0, ...args], this.#failure(call));
  }

  /** A system call of up to four arguments that has to succeed, unless its error is this one. */
  callUnless(errno: number, call: SyscallName, ...args: number[]): void {
    const [a = 0, b = 0, c = 0, d = 0] = args;
    this.#row(FLAGS.TOLERANT, call, [a, b, c, d, -errno], this.#failure(call));
  }

  /** A system call whatever comes of it. */
  attempt(call: SyscallName, ...args: number[]): void {
    this.#row(0, call, args, 0);
  }

  /** Tells what the last call has returned. */
  tell(message: number): void {
    const args = [this.#channel, 0, MESSAGE, message];
    this.#row(FLAGS.ROOM | FLAGS.TELL, "write", args, 0);
  }

  /** Says what was written down before. */
  say(bytes: Uint8Array): void {
    this.attempt("write", this.#channel, this.data.add(bytes), bytes.length);
  }

  /** Waits for the word to go on; without it, it ends. */
  awaitGo(): void {
    this.#row(FLAGS.ROOM, "read", [this.#channel, 0, WORD], 0);
    this.#jump(ALL_BITS, WORD, this.#after(2));
    this.#jump(0, 0, EXIT);
  }

  /** Waits on a listening socket: the connection that comes takes the channel's place. */
  connect(listener: number): void {
    this.call("accept4", listener, 0, 0, O_CLOEXEC);
    this.callOnResult("dup3", this.#channel, O_CLOEXEC);
    this.call("close", listener);
  }

  /**
   * Goes on as a process of its own beside this one, which tells its number and ends: the only one that is in the
   * pid namespace.
   *
   * @param terminal whether standard input is to be its controlling terminal.
   */
  becomeSibling({ terminal }: { terminal: boolean }): void {
    this.call("clone", CLONE_PARENT, 0, 0, 0, 0);
    this.#jump(ALL_BITS, 0, this.#after(3));
    this.tell(MESSAGES.born);
    this.attempt("exit_group", 0);
    this.attempt("setsid");
    if (terminal) this.call("ioctl", 0, TIOCSCTTY, 0);
  }

  /**
   * What `child` adds is done by a process of its own, which becomes another program. How that has ended is told, and
   * waited for the word to go on.
   */
  runChild(child: () => void): void {
    this.call("clone", SIGNALS.SIGCHLD, 0, 0, 0, 0);
    this.#jump(ALL_BITS, 0, this.#after(2));
    const jump = this.#words.length;
    this.#jump(0, 0, 0);
    child();
    this.#words[jump + TARGET] = this.#after(0);
    this.#row(FLAGS.RESULT | FLAGS.ROOM, "wait4", [0, 0, 0, 0], this.#failure("wait4"));
    this.#row(FLAGS.ROOM, "write", [this.#channel, 0, STATUS], 0);
    this.awaitGo();
  }

  /** Becomes the program. A failure is told by its error alone. */
  become(path: string, argv: readonly string[], env: readonly string[]): void {
    const { data } = this;
    const args = [data.text(path), data.strings(argv), data.strings(env)];
    this.#row(0, "execve", args, MESSAGES.refused);
  }

  /** The whole of it as a file. */
  image(): Uint8Array<ArrayBuffer> {
    return this.#file.encode(this.#words);
  }

  #row(flags: number, call: SyscallName, args: readonly number[], failure: number): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = args;
    this.#words.push(flags, this.#numbers[call], a, b, c, d, e, failure);
  }

  /** Goes on at `target` when those bits of the last result are the value. */
  #jump(bits: number, value: number, target: number): void {
    this.#words.push(FLAGS.JUMP, bits, value, target, 0, 0, 0, 0);
  }

  /** The place of the row that many behind the next one. */
  #after(rows: number): number {
    return 4 * (this.#words.length + ROW * rows);
  }

  /** What to tell of a failure: which one it is, of those that there may be. */
  #failure(call: SyscallName): number {
    if (this.#failures === undefined) return MESSAGES.refused;
    const { do: step, label } = this.#step;
    return MESSAGES.refused | this.#failures.push({ step, label, call }) << 8;
  }
}
