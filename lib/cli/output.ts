import { SIGNALS } from "../../ffi/constants.ts";
import { write } from "../../ffi/file.ts";
import { poll, POLLOUT } from "../../ffi/poll.ts";
import { SysError } from "../errors.ts";

const STDOUT = 1;

/** That nobody reads standard output any more. Of this nothing is told: others end by SIGPIPE then, which Deno ignores. */
export class NobodyReads extends Error {
  override readonly name = "NobodyReads";
  /** What a shell says of a program that SIGPIPE ended. */
  static readonly exitCode = 128 + SIGNALS.SIGPIPE;

  constructor(options?: ErrorOptions) {
    super("write standard output: nobody reads it", options);
  }
}

/**
 * Prints a result on standard output, as lines of their own.
 *
 * @throws {NobodyReads} where the other end is closed
 * @throws {SysError} where it cannot be written
 */
export function print(text: string): void {
  writeToStdout(new TextEncoder().encode(`${text}\n`));
}

/** Writes all of `bytes` to standard output; throws as {@link print} does. */
export function writeToStdout(bytes: Uint8Array<ArrayBuffer>): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSome(rest));
}

function writeSome(bytes: Uint8Array<ArrayBuffer>): number {
  try {
    return write(STDOUT, bytes, "standard output");
  } catch (cause) {
    const code = cause instanceof SysError ? cause.code : undefined;
    if (code === "EPIPE") throw new NobodyReads({ cause });
    if (code !== "EAGAIN") throw cause;
    // Whoever shares it had writes not wait.
    poll([{ fd: STDOUT, events: POLLOUT, revents: 0 }]);
    return 0;
  }
}
