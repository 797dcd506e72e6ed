import { cstring, CStringArray } from "../../ffi/cstring.ts";
import { errnoName } from "../../ffi/errno.ts";
import { alloc, struct } from "../../ffi/struct.ts";
import { ToolError } from "../../tools/report.ts";

/** What one run of a program took. */
export interface Measurement {
  /** Milliseconds from before its start to after its end was seen. */
  readonly wall: number;
  /** Milliseconds of processor time, of the program and all it waited for. */
  readonly cpu: number;
}

/** How a program is started. */
export interface Command {
  /** The program's absolute path and its arguments. */
  readonly argv: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** getrusage(2); only the times are read. */
const rusage = struct("rusage", 144, {
  utime_sec: [0, "i64"],
  utime_usec: [8, "i64"],
  stime_sec: [16, "i64"],
  stime_usec: [24, "i64"],
});

/** More than `sizeof(posix_spawn_file_actions_t)`, which is 80 with glibc. */
const FILE_ACTIONS_SIZE = 256;

const O_RDONLY = 0;
const O_WRONLY_CREAT_TRUNC = 0o1 | 0o100 | 0o1000;

const SYMBOLS = {
  // int posix_spawn(pid_t *, const char *, const posix_spawn_file_actions_t *,
  //                 const posix_spawnattr_t *, char *const argv[], char *const envp[]);
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "pointer", "buffer", "buffer"],
    result: "i32",
  },
  // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *);
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *, int, const char *, int, mode_t);
  posix_spawn_file_actions_addopen: {
    parameters: ["buffer", "i32", "buffer", "i32", "u32"],
    result: "i32",
  },
  // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *);
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  // pid_t wait4(pid_t, int *, int, struct rusage *);
  wait4: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Starts programs and measures them with as little of its own as can be: posix_spawn(3) shares this
 * process's memory until the program is there, where fork(2) would copy the page tables of a large
 * process, and wait4(2) blocks until the end, where a promise would wait for the event loop.
 *
 * Programs read nothing and their output is dropped, but for their last words on stderr.
 */
export class Stopwatch implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", SYMBOLS);
  readonly #fileActions = alloc(FILE_ACTIONS_SIZE);
  readonly #pid = alloc(4);
  readonly #status = alloc(4);
  readonly #usage = alloc(rusage.size);
  readonly #stderr: string;

  /** @param stderr the file that holds what the last program said on stderr */
  constructor(stderr: string) {
    this.#stderr = stderr;
    const { symbols } = this.#libc;
    symbols.posix_spawn_file_actions_init(this.#fileActions);
    this.#open(0, "/dev/null", O_RDONLY);
    this.#open(1, "/dev/null", O_WRONLY_CREAT_TRUNC);
    this.#open(2, stderr, O_WRONLY_CREAT_TRUNC);
  }

  /** Gets a program ready, so that {@link Prepared.run} does nothing but run it. */
  prepare({ argv, env }: Command): Prepared {
    const path = cstring(argv[0]);
    const args = new CStringArray(argv);
    const variables = new CStringArray(
      Object.entries(env).map(([key, value]) => `${key}=${value}`),
    );
    return { run: () => this.#run(path, args, variables) };
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.posix_spawn_file_actions_destroy(this.#fileActions);
    this.#libc.close();
  }

  #open(fd: number, path: string, flags: number): void {
    const { symbols } = this.#libc;
    const error = symbols.posix_spawn_file_actions_addopen(
      this.#fileActions,
      fd,
      cstring(path),
      flags,
      0o600,
    );
    if (error !== 0) throw new ToolError(`prepare to start programs: ${errnoName(error)}`);
  }

  #run(path: Uint8Array<ArrayBuffer>, args: CStringArray, env: CStringArray): Measurement {
    const { posix_spawn, wait4 } = this.#libc.symbols;
    const start = performance.now();
    const error = posix_spawn(this.#pid, path, this.#fileActions, null, args.bytes, env.bytes);
    if (error !== 0) throw new ToolError(`it does not start: ${errnoName(error)}`);
    const pid = new Int32Array(this.#pid.buffer)[0];
    const waited = wait4(pid, this.#status, 0, this.#usage);
    const wall = performance.now() - start;
    if (waited !== pid) throw new ToolError("its end cannot be waited for");
    this.#assertSuccess(new Int32Array(this.#status.buffer)[0]);
    return { wall, cpu: this.#cpu() };
  }

  #cpu(): number {
    const seconds = rusage.get(this.#usage, "utime_sec") + rusage.get(this.#usage, "stime_sec");
    const micros = rusage.get(this.#usage, "utime_usec") + rusage.get(this.#usage, "stime_usec");
    return Number(seconds) * 1000 + Number(micros) / 1000;
  }

  /** A wait status as in wait(2): the signal in the low 7 bits, the exit code in the second byte. */
  #assertSuccess(status: number): void {
    if (status === 0) return;
    const signal = status & 0x7f;
    const how = signal === 0
      ? `it ended with exit code ${status >> 8}`
      : `signal ${signal} ended it`;
    const words = Deno.readTextFileSync(this.#stderr).trim().split("\n")[0];
    throw new ToolError(words === "" ? how : `${how}: ${words}`);
  }
}

/** A program to be run again and again. */
export interface Prepared {
  /**
   * Runs it once to its end.
   *
   * @throws {ToolError} with the reason alone when it does not start or does not succeed
   */
  run(): Measurement;
}
