import { AT_FDCWD } from "../ffi/constants.ts";
import { tryStatx } from "../ffi/file.ts";
import { type ExitStatus, waitid } from "../ffi/process.ts";
import { ContainerError, reasonOf, TOO_MANY_FILES, TOO_MANY_PROCESSES } from "./errors.ts";
import { step } from "./trace.ts";

/** Where helper programs are looked for, never by PATH: only the system's own folders count. */
const FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

const found = new Map<string, string | undefined>();

/**
 * The absolute path of a helper program, or undefined when it is not installed. A program or folder
 * that others than root may write is passed over, for what runs here runs as root; so is what may not be
 * executed.
 */
export function findProgram(name: string): string | undefined {
  if (!found.has(name)) {
    const folder = FOLDERS.find((folder) => isTrusted(folder) && isTrusted(`${folder}/${name}`));
    found.set(name, folder && `${folder}/${name}`);
  }
  return found.get(name);
}

/** What a helper program said. */
export interface Output {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a helper program to its end, with an empty environment and no standard input.
 *
 * @throws {ContainerError} when it cannot be started.
 */
export function runProgram(path: string, args: readonly string[]): Output {
  return decoded(starting(path, () => command(path, args).outputSync()));
}

/** A helper program at work. Disposing of it waits for its end. */
export interface RunningProgram extends Disposable {
  /** Waits for its end, and tells whether that was a good one. */
  wait(): boolean;
}

/**
 * Starts a helper program as {@link runProgram} does, but one that nobody listens to: Deno would take a start 1 ms for
 * a pipe, and half of one to tell of the end.
 *
 * @throws {ContainerError} when it cannot be started.
 */
export function startProgram(path: string, args: readonly string[]): RunningProgram {
  const child = starting(path, () => command(path, args, "null").spawn());
  // Deno does not find it any more once it has been waited for here.
  child.status.catch(() => {});
  let status: ExitStatus | undefined;
  const wait = () => {
    status ??= waitid(child.pid)!;
    return "code" in status && status.code === 0;
  };
  return { wait, [Symbol.dispose]: () => void wait() };
}

function command(
  path: string,
  args: readonly string[],
  output: "piped" | "null" = "piped",
): Deno.Command {
  return new Deno.Command(path, {
    args: [...args],
    clearEnv: true,
    stdin: "null",
    stdout: output,
    stderr: output,
  });
}

/**
 * Starts a helper program, and tells what keeps it from starting as that.
 *
 * @throws {ContainerError}
 */
export function starting<T>(path: string, start: () => T): T {
  try {
    return start();
  } catch (cause) {
    const { code = "" } = cause as { code?: string };
    const reason = reasonOf(cause).replace(/^Failed to spawn '.*': /, "");
    throw new ContainerError(`run ${JSON.stringify(path)}: ${reason}`, {
      hint: START_HINTS[code],
      cause,
    });
  }
}

/** fork(2), execve(2), ERRORS. */
const START_HINTS: Readonly<Record<string, string>> = {
  EAGAIN: TOO_MANY_PROCESSES,
  EMFILE: TOO_MANY_FILES,
  // The program has just been found.
  ENOENT: "Its interpreter is missing, or /dev/null is: ls -l /dev/null",
};

function decoded({ success, stdout, stderr }: Deno.CommandOutput): Output {
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Runs a helper program as a step.
 *
 * @throws {ContainerError} with what the program said when it fails.
 */
export function runTold(
  told: { label: string; check: string },
  path: string,
  args: readonly string[],
): void {
  const command = `${path} ${args.map((arg) => /[\s;{}!]/.test(arg) ? `'${arg}'` : arg).join(" ")}`;
  step({ ...told, call: command }, () => {
    const { success, stdout, stderr } = runProgram(path, args);
    if (success) return;
    const said = (stderr || stdout).trim().split("\n")[0]?.replace(/\.$/, "") || "it failed";
    throw new ContainerError(`run ${JSON.stringify(command)}: ${said}`);
  });
}

/** Whether it is there and may be executed, is root's, and nobody else may write it; symbolic links are followed. */
function isTrusted(path: string): boolean {
  const status = tryStatx(AT_FDCWD, path);
  return status !== undefined && status.uid === 0 && (status.mode & 0o022) === 0 &&
    (status.mode & 0o111) !== 0;
}
