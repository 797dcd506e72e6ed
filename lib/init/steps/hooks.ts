import type { InitContext } from "../context.ts";
import { runHook } from "../hook.ts";
import type { StepOf } from "../plan.ts";

/** Runs hooks of the container's own side, in their order; the first that fails ends it. */
export function runContainerHooks(context: InitContext, step: StepOf<"container hooks">): void {
  const state = JSON.stringify({ ...step.state, pid: context.pid });
  for (const hook of step.hooks) runHook(hook, state);
}
