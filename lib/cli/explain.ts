import type { Step } from "../init/plan.ts";
import { visible } from "../quote.ts";
import { type StepInfo, tell } from "../trace.ts";
import { explainStep } from "./explain_step.ts";
import type { Watcher } from "./watchers.ts";

/**
 * Tells each step on stderr as it happens: what is done, on the host or inside of the container's namespaces, the
 * call behind it, and how to see its result by hand. What the first process does by itself, as the launcher, is told
 * when it has said so.
 */
export class Explainer implements Watcher {
  #count = 0;

  end(step: StepInfo): void {
    this.#tell("host", step);
  }

  done(step: Step): void {
    this.#tell("container", { label: step.label, ...explainStep(step) });
  }

  #tell(side: "host" | "container", step: StepInfo): void {
    // The words of an image must not make a line of their own, which would pass for gocontainer's.
    const lines = [`${String(++this.#count).padStart(2)}. [${side}] ${visible(step.label)}`];
    if (step.call) lines.push(`      call:  ${visible(step.call)}`);
    if (step.check) lines.push(`      check: ${visible(step.check)}`);
    tell(lines.join("\n"));
  }
}
