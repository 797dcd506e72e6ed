import { AT_FDCWD, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../../../ffi/constants.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, openat, read, write } from "../../../ffi/file.ts";
import { poll, POLLIN, POLLOUT } from "../../../ffi/poll.ts";
import { alloc } from "../../../ffi/struct.ts";
import {
  getTerminal,
  ptyNumber,
  setTerminal,
  setWindowSize,
  termios2,
  unlockPty,
} from "../../../ffi/tty.ts";
import type { Running } from "./process.ts";
import type { StartOptions, Workspace } from "./workspace.ts";
import { until } from "./wait.ts";

/**
 * A terminal with a user who types and reads: the test holds the pty's master, and what it starts has
 * the slave as standard input, output and error and as its controlling terminal.
 */
export class Terminal implements Disposable {
  readonly #master: number;
  readonly #slave: number;
  /** The path of the slave on the host. */
  readonly path: string;
  #shown = "";
  readonly #decoder = new TextDecoder();

  constructor(size: { rows: number; columns: number } = { rows: 24, columns: 80 }) {
    this.#master = openat(AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    unlockPty(this.#master);
    this.path = `/dev/pts/${ptyNumber(this.#master)}`;
    this.#slave = openat(AT_FDCWD, this.path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    this.resize(size);
  }

  /**
   * Starts the binary as the only program of the terminal, which is its controlling one.
   *
   * @param redirect what the shell is to do with the three standard descriptors instead.
   */
  start(
    workspace: Workspace,
    args: readonly string[],
    options: StartOptions & { redirect?: string } = {},
  ): Running {
    const { redirect = "", through = [] } = options;
    const script = `exec setsid --ctty sh -c 'exec "$@" ${redirect}' sh "$@"`;
    return workspace.start(args, {
      ...options,
      through: ["sh", "-c", `exec <"$0" >"$0" 2>&1; ${script}`, this.path, ...through],
    });
  }

  /** Types. Ctrl-C is `\x03`, Ctrl-D `\x04`, Ctrl-\ is `\x1c`. Waits while nobody reads. */
  async type(keys: string): Promise<void> {
    let left = cstring(keys).subarray(0, -1);
    while (left.length > 0) {
      const entry = { fd: this.#master, events: POLLOUT, revents: 0 };
      await until("what is typed is taken", () => poll([entry], 0) > 0);
      left = left.subarray(write(this.#master, left.subarray(0, 1024)));
    }
  }

  /** All that has been shown so far. */
  get shown(): string {
    while (poll([{ fd: this.#master, events: POLLIN, revents: 0 }], 0) > 0) {
      let bytes: Uint8Array;
      try {
        bytes = read(this.#master, alloc(65536));
      } catch (error) {
        if (error instanceof SysError && (error.code === "EIO" || error.code === "EAGAIN")) break;
        throw error;
      }
      if (bytes.length === 0) break;
      this.#shown += this.#decoder.decode(bytes, { stream: true });
    }
    return this.#shown;
  }

  /** What has been shown until now counts no more. */
  forget(): void {
    this.#shown = "";
  }

  /** Waits until what is shown matches. */
  shows(pattern: RegExp): Promise<RegExpMatchArray> {
    return until(`the terminal shows ${pattern}`, () => this.shown.match(pattern) ?? undefined)
      .catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(this.#shown)}`);
      });
  }

  /** The settings as tcgetattr(3) has them. */
  get settings(): Uint8Array<ArrayBuffer> {
    return getTerminal(this.#slave);
  }

  set settings(settings: Uint8Array<ArrayBuffer>) {
    setTerminal(this.#slave, settings);
  }

  /** Whether what is typed is neither echoed nor gathered to lines. */
  get isRaw(): boolean {
    const ICANON = 0o2, ECHO = 0o10;
    return (termios2.get(this.settings, "c_lflag") & (ICANON | ECHO)) === 0;
  }

  /** Gives the terminal another size; what is in front gets SIGWINCH. */
  resize(size: { rows: number; columns: number }): void {
    setWindowSize(this.#master, size);
  }

  [Symbol.dispose](): void {
    close(this.#slave);
    close(this.#master);
  }
}
