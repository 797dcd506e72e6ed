import { AT_FDCWD, O_DIRECTORY, O_PATH, SIGNALS } from "../../ffi/constants.ts";
import { CStringArray } from "../../ffi/cstring.ts";
import { close, Fd, lseekToStart, openat, writeAll } from "../../ffi/file.ts";
import { SysError } from "../../ffi/errno.ts";
import { awaitInput } from "../../ffi/poll.ts";
import { posix_spawn } from "../../ffi/posix_spawn.ts";
import {
  chdir,
  type ExitStatus,
  fchdir,
  memfd_create,
  pidfd_open,
  pidfd_send_signal,
  waitid,
} from "../../ffi/process.ts";
import { InitError } from "./context.ts";
import type { HookCall } from "./plan.ts";

/**
 * Runs a hook to its end, with the state as its standard input; on either side of the fork.
 *
 * The state lies in a file of memory rather than in a pipe: a hook that does not read it ends
 * without a SIGPIPE for us, and its size does not matter.
 *
 * @param folder where it begins, see {@link enterFolder}.
 * @throws {InitError} when it cannot be run, ends with another code than 0, or takes too long.
 */
export function runHook(hook: HookCall, state: string, folder: string): void {
  const text = new TextEncoder().encode(state);
  const input = memfd_create("state");
  const bytes = new Uint8Array(new ArrayBuffer(text.length));
  bytes.set(text);
  writeAll(input, bytes);
  lseekToStart(input);
  const argv = new CStringArray(hook.args.length > 0 ? hook.args : [hook.path]);
  const envp = new CStringArray(hook.env);

  const pid = spawn(hook, argv, envp, input, folder);
  const pidfd = pidfd_open(pid);
  const ended = awaitInput(pidfd, hook.timeout);
  if (!ended) pidfd_send_signal(pidfd, SIGNALS.SIGKILL);
  const status = waitid(pid)!;
  close(pidfd);
  checkHook(hook, ended ? status : undefined);
}

/**
 * Judges by how a hook has ended.
 *
 * @param status undefined when it has not, in its time.
 * @throws {InitError} unless it ended with 0.
 */
export function checkHook({ path, timeout }: HookCall, status: ExitStatus | undefined): void {
  if (status === undefined) {
    throw new InitError(`hook "${path}": it took longer than ${timeout} ms`);
  }
  if ("signal" in status) throw new InitError(`hook "${path}": signal ${status.signal} ended it`);
  if (status.code !== 0) throw new InitError(`hook "${path}": it ended with ${status.code}`);
}

/** What is said of a hook that cannot be run. */
export function hookRefused({ path }: HookCall, { code }: SysError): InitError {
  return new InitError(`hook "${path}": it cannot be run: ${code}`);
}

/**
 * Goes to a folder, and back when that is disposed of. Without such a folder, as of a bundle that was removed before
 * its container, or without a right to it, as root in a user namespace may have none, this process stays where it is:
 * in the latter case, if it can be, it was there already when it was made.
 */
export function enterFolder(path: string): Disposable {
  using undo = new DisposableStack();
  try {
    const before = undo.use(new Fd(openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY)));
    chdir(path);
    undo.defer(() => fchdir(before.number));
  } catch (error) {
    const stays = error instanceof SysError && ["ENOENT", "ENOTDIR", "EACCES"].includes(error.code);
    if (!stays) throw error;
  }
  return undo.move();
}

function spawn(
  hook: HookCall,
  argv: CStringArray,
  envp: CStringArray,
  stdin: number,
  folder: string,
): number {
  try {
    using _entered = enterFolder(folder);
    return posix_spawn(hook.path, argv, envp, { stdin });
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw hookRefused(hook, error);
  } finally {
    close(stdin);
  }
}
