import { type HookCall } from "../init/plan.ts";
import { SysError } from "../../ffi/errno.ts";
import { awaitInput } from "../../ffi/poll.ts";
import { checkHook, hookRefused, runHook } from "../init/hook.ts";
import { InitError } from "../init/context.ts";
import { ContainerError } from "../errors.ts";
import type { Hook, Spec, State } from "../oci/spec.ts";
import { warn } from "../trace.ts";
import type { ContainerRecord } from "./state.ts";

/** What a hook reads on standard input (config.md, "POSIX-platform Hooks"; runtime.md, "State"). */
export function hookState(
  record: ContainerRecord,
  spec: Spec,
  status: State["status"],
  pid?: number,
): Record<string, unknown> {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    status,
    ...(pid === undefined ? {} : { pid }),
    bundle: record.bundle,
    ...(spec.annotations ? { annotations: spec.annotations } : {}),
  };
}

/** A hook as it is run: nothing of the runtime's own environment goes to it. */
export function hookCall(hook: Hook): HookCall {
  return {
    path: hook.path,
    args: hook.args ?? [],
    env: hook.env ?? [],
    timeout: hook.timeout === undefined ? undefined : hook.timeout * 1000,
  };
}

/**
 * Runs the prestart and createRuntime hooks, whose failure ends the container. The former are from a time
 * when they ran after `create`, and still find what was true then.
 */
export function runRuntimeHooks(spec: Spec, record: ContainerRecord, pid: number): void {
  const state = (status: State["status"]) => JSON.stringify(hookState(record, spec, status, pid));
  runAll("prestart", spec.hooks?.prestart, state("created"), record);
  runAll("createRuntime", spec.hooks?.createRuntime, state("creating"), record);
}

/** Runs the poststart hooks; a failure is an error as well. */
export function runPoststartHooks(spec: Spec, record: ContainerRecord, pid: number): void {
  const state = JSON.stringify(hookState(record, spec, "running", pid));
  runAll("poststart", spec.hooks?.poststart, state, record);
}

/** Runs the poststop hooks: the container is gone already, so each runs and failures are warnings. */
export function runPoststopHooks(spec: Spec, record: ContainerRecord): void {
  const state = JSON.stringify(hookState(record, spec, "stopped"));
  for (const hook of spec.hooks?.poststop ?? []) {
    try {
      runHook(hookCall(hook), state, record.bundle);
    } catch (error) {
      if (!(error instanceof InitError)) throw error;
      warn(`poststop ${error.message}`);
    }
  }
}

/** The startContainer hooks, which the launcher runs: what is to be made of what it tells. */
export class StartContainerHooks {
  readonly #left: HookCall[];

  constructor(hooks: readonly HookCall[] = []) {
    this.#left = [...hooks];
  }

  /**
   * Waits for the launcher to say something, for as long as the present hook may take.
   *
   * @throws {ContainerError} when it takes longer.
   */
  awaitWord(channel: number): void {
    const hook = this.#left[0];
    if (hook?.timeout === undefined || awaitInput(channel, hook.timeout)) return;
    failing("startContainer", () => checkHook(hook, undefined));
  }

  /**
   * The present one has ended.
   *
   * @param status as wait4(2) has it.
   * @throws {ContainerError} unless that is 0.
   */
  ended(status: number): void {
    const hook = this.#left.shift();
    if (hook === undefined) return;
    const signal = status & 0x7f;
    failing("startContainer", () => {
      checkHook(hook, signal === 0 ? { code: status >> 8 & 0xff } : { signal });
    });
  }

  /** @throws {ContainerError} when there is a hook that this is about. */
  refused(errno: number): void {
    const hook = this.#left[0];
    if (hook === undefined) return;
    failing("startContainer", () => {
      throw hookRefused(hook, new SysError("execve", errno));
    });
  }

  /** @throws {ContainerError} when there are hooks that have not been run. */
  over(): void {
    if (this.#left.length === 0) return;
    throw new ContainerError("run the startContainer hooks: the first process ended meanwhile");
  }
}

/** In the bundle, as with runc and crun. */
function runAll(
  kind: string,
  hooks: readonly Hook[] | undefined,
  state: string,
  { bundle }: ContainerRecord,
): void {
  for (const hook of hooks ?? []) failing(kind, () => runHook(hookCall(hook), state, bundle));
}

function failing(kind: string, run: () => void): void {
  try {
    run();
  } catch (cause) {
    if (!(cause instanceof InitError)) throw cause;
    throw new ContainerError(`run the ${kind} hooks: ${cause.message}`, { cause });
  }
}
