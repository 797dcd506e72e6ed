import { personality, sched_setaffinity, set_mempolicy } from "../../../ffi/scheduling.ts";
import type { StepOf } from "../plan.ts";

/** The CPUs that this process may run on (sched_setaffinity(2)). */
export function setAffinity(step: StepOf<"cpu affinity">): void {
  sched_setaffinity(step.cpus);
}

/** Where memory comes from (set_mempolicy(2)); the program inherits it. */
export function setMemoryPolicy(step: StepOf<"memory policy">): void {
  set_mempolicy(step.mode, step.nodes);
}

/** The execution domain (personality(2)): what uname(2) says of the machine, for one. */
export function setPersonality(step: StepOf<"personality">): void {
  personality(step.persona);
}
