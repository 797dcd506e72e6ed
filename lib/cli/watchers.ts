import type { ChildObserver } from "../runtime/spawn.ts";
import { observe, type StepObserver } from "../trace.ts";
import type { Arguments } from "./arguments.ts";
import { Explainer } from "./explain.ts";
import { TestFault } from "./test_fault.ts";
import { Timeline } from "./timeline.ts";

/** Somebody who follows the steps on the host and in the container. */
export interface Watcher extends ChildObserver, StepObserver {
  /** Called when all is over, also after a failure. */
  close?(): void;
}

/** Those who were asked for by option; from now on they follow the parent's steps. */
export function makeWatchers(args: Arguments): Watcher[] {
  const watchers: Watcher[] = [];
  const fault = args.text("test-fault");
  if (fault !== undefined) watchers.push(new TestFault(fault));
  if (args.flag("explain")) watchers.push(new Explainer());
  const file = args.text("trace");
  if (file !== undefined) watchers.push(new Timeline(file));
  watchers.forEach(observe);
  return watchers;
}
