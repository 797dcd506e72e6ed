import type { InitContext } from "../context.ts";
import { runHook } from "../hook.ts";
import type { LaunchedHooks } from "../launcher/image.ts";
import type { ContainerHooks, StepOf } from "../plan.ts";

/** Runs hooks in the container's namespaces, in their order; the first that fails ends it. */
export function runContainerHooks(context: InitContext, step: StepOf<"container hooks">): void {
  const state = stateOf(context, step);
  for (const hook of step.hooks) runHook(hook, state, step.folder);
}

/** Hooks for the launcher, which runs those that are files of the container. */
export function launchedHooks(context: InitContext, hooks: ContainerHooks): LaunchedHooks {
  return {
    programs: hooks.hooks.map(({ path, args, env }) => ({
      path,
      argv: args.length > 0 ? args : [path],
      env,
    })),
    state: stateOf(context, hooks),
  };
}

function stateOf({ pid }: InitContext, { state }: ContainerHooks): string {
  return JSON.stringify({ ...state, pid });
}
