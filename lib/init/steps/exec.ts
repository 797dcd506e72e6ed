import { AT_FDCWD, O_PATH, S_IFDIR, S_IFMT } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, faccessat2, openat, statx, tryStatx } from "../../../ffi/file.ts";
import { clearCloseOnExec } from "../../../ffi/process.ts";
import { type ExecFailure, tell } from "../channel.ts";
import type { InitContext } from "../context.ts";
import { Launcher } from "../launcher/launcher.ts";
import type { LauncherStep, StepOf } from "../plan.ts";
import { explain, lookAt, reasonsOf } from "./exec_failure.ts";
import { launchedHooks } from "./hooks.ts";

/** `execve` of the program failed: what the system said, and why. */
export class ExecError extends Error {
  override readonly name = "ExecError";
  constructor(override readonly cause: SysError, readonly failure: ExecFailure) {
    super(cause.message);
  }
}

/**
 * Finds the program as execvp(3) does, in the container's own PATH and as the user it will be. It is
 * told here, before anybody starts the container, when there is none.
 *
 * @throws {ExecError} with the reason.
 */
export function findProgram(context: InitContext, step: StepOf<"find program">): void {
  const { name, path } = step;
  const candidates = name === "" || name.includes("/")
    ? [name]
    : path.map((folder) => `${folder || "."}/${name}`);
  let refused: ExecError | undefined;
  for (const candidate of candidates) {
    try {
      // Most folders do not have it: to make errors of that would take longer than all the rest of this.
      if (candidates.length > 1 && tryStatx(AT_FDCWD, candidate) === undefined) continue;
      faccessat2(AT_FDCWD, candidate, X_OK, AT_EACCESS);
      if (!isDirectory(candidate)) {
        context.program = candidate;
        return;
      }
      const found = new SysError("execve", EACCES, JSON.stringify(candidate));
      refused ??= new ExecError(found, { path: candidate, reason: "is a directory" });
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // To read what may not be run would be to read for the container what it may not.
      const failure = explain([lookAt(candidate)], error.code);
      // As in execvp(3): what may not be run is remembered, and the search goes on.
      if (failure.reason !== "not found") refused ??= new ExecError(error, failure);
    }
  }
  throw refused ??
    new ExecError(new SysError("execve", ENOENT, JSON.stringify(name)), {
      path: name,
      reason: "not found",
      ...(SHELLS.includes(name) && tryStatx(AT_FDCWD, SHELL) !== undefined ? { what: SHELL } : {}),
    });
}

/** The shell that most images have, and those that are asked for most often where it is the only one. */
const SHELL = "/bin/sh";
const SHELLS: readonly string[] = ["bash", "/bin/bash", "zsh", "ash", "/bin/ash", "dash", "fish"];

/**
 * Makes all for {@link execProgram}: what comes between the two may leave this process without
 * descriptors or memory to have. The environment and arguments are as they are in the plan; no shell
 * stands in between.
 */
export function prepareLauncher(context: InitContext, step: LauncherStep): void {
  const path = context.program!;
  const env = environmentOf(context, step);
  const { limits, filter, listener, sibling } = step;
  const { label } = context;
  const hooks = step.hooks && launchedHooks(context, step.hooks);
  const launcher = new Launcher(
    { channel: context.channel, limits, filter, hooks, label, listener, sibling },
    { path, argv: step.argv, env },
  );
  const reasons = reasonsOf(path, context);
  context.handOver = () => {
    tell(context.channel, { type: "exec", path, reasons });
    clearCloseOnExec(context.channel);
    if (listener !== undefined) clearCloseOnExec(listener);
    if (label !== undefined) clearCloseOnExec(label.proc);
  };
  context.become = () => launcher.launch();
}

/** The environment of the program, with the home folder that was found. */
export function environmentOf({ home }: InitContext, { env }: LauncherStep): readonly string[] {
  return home === undefined ? env : [...env, `HOME=${home}`];
}

/**
 * Lets the launcher have the channel, and tells what it has no words for: why execve(2) could fail. Told
 * now, for a filter or a limit may allow no more of it later.
 */
export function handOver(context: InitContext): void {
  context.handOver?.();
}

/**
 * Becomes the program.
 *
 * @throws {ExecError} with the reason.
 */
export function execProgram(context: InitContext): never {
  return context.become!();
}

const X_OK = 1;
const AT_EACCESS = 0x200;
const ENOENT = 2;
const EACCES = 13;

function isDirectory(path: string): boolean {
  const probe = openat(AT_FDCWD, path, O_PATH);
  const { mode } = statx(probe);
  close(probe);
  return (mode & S_IFMT) === S_IFDIR;
}
