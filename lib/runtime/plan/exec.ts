import type { Plan, Step } from "../../init/plan.ts";
import { parseList } from "../../oci/list_format.ts";
import { NAMESPACES } from "../../oci/namespaces.ts";
import type { Linux, Process } from "../../oci/spec.ts";
import {
  becomeRoot,
  joinCgroups,
  personalityStep,
  READY,
  sessionKeyring,
  START_LABEL,
  terminalStep,
} from "./steps.ts";
import { identity, launcherStep, program, type ProgramOptions } from "./program.ts";

/** What the plan of one more process in a container needs to know. */
export interface ExecPlanOptions {
  /** The container's cgroup namespace, open, where it has one. */
  readonly cgroupNamespace?: number;
  /** The name of the container's session keyring; without, the process has the caller's. */
  readonly keyring?: string;
  readonly cgroupFiles: readonly number[];
  readonly passedFds: number;
  /** The container's root, where it has no mount namespace of its own to have it in. */
  readonly root?: number;
  /** Whether the container has a user namespace. */
  readonly inUserNamespace: boolean;
  readonly personality?: Linux["personality"];
  readonly program: ProgramOptions;
  /** Whether all of it is done by a process that stays outside of the container's pid namespace. */
  readonly fromOutside: boolean;
}

/** Works out what a process does that joins a container which is there already; its namespaces are joined before. */
export function buildExecPlan(process: Process, options: ExecPlanOptions): Plan {
  const plan: Step[] = [
    { do: "start afresh", label: START_LABEL, keep: options.passedFds, close: [] },
  ];
  plan.push(...joinCgroups(options.cgroupFiles));
  if (options.inUserNamespace) plan.push(becomeRoot(options.program));
  if (options.cgroupNamespace !== undefined) {
    plan.push({
      do: "join namespace",
      label: "join the cgroup namespace",
      fd: options.cgroupNamespace,
      flag: NAMESPACES.cgroup.flag,
    });
  }
  plan.push(...sessionKeyring(options.keyring));
  const cpus = parseList(process.execCPUAffinity?.final ?? "");
  if (cpus?.length) {
    plan.push({
      do: "cpu affinity",
      label: "run on the CPUs of process.execCPUAffinity.final",
      cpus,
    });
  }
  if (options.root === undefined) {
    plan.push({ do: "take root", label: "take the container's root" });
  } else {
    const label = "make the container's root the root";
    plan.push({ do: "change root", label, fd: options.root });
  }
  if (process.terminal) {
    plan.push(terminalStep(process, { controlling: !options.fromOutside, console: false }));
  }
  if (options.personality) plan.push(personalityStep(options.personality));
  plan.push(...identity(process, options.program));
  const launcher = launcherStep(process, options);
  if (options.fromOutside) plan.push(launcher);
  else {
    plan.push(READY, launcher, { do: "wait for start", label: "wait for start" });
  }
  plan.push(...program(process, options));
  return plan;
}
