import { resolve } from "@std/path/posix/resolve";
import { follow, holdSignals } from "../../container/monitor.ts";
import { leaveTerminalToFront, ProcessGroup } from "../../container/job.ts";
import { TerminalRelay } from "../../container/terminal.ts";
import { UsageError } from "../../errors.ts";
import { loadProcess } from "../../oci/load.ts";
import type { Process, Spec } from "../../oci/spec.ts";
import { validateProcess } from "../../oci/validate/mod.ts";
import { configOf } from "../../runtime/container.ts";
import { getContainer } from "../../runtime/get_container.ts";
import { execInContainer, whileRunning } from "../../runtime/exec.ts";
import { containerFilter } from "../../runtime/seccomp.ts";
import { sendConsole } from "../../runtime/bundle.ts";
import type { ContainerState } from "../../runtime/state.ts";
import { warn } from "../../trace.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";
import { parseCapability } from "../capability_name.ts";
import { parseVariable } from "../variable.ts";
import { writePidFile } from "./bundle.ts";
import { readUser } from "./exec_user.ts";
import { type GlobalOptions, openRoot } from "./global.ts";
import { firstId } from "./only_id.ts";
import { passedFds } from "./passed_fds.ts";

/** The options of `exec`, as runc has them. */
export const EXEC_OPTIONS: readonly OptionSpec[] = [
  { name: "process", alias: "p", value: "FILE", help: "the process as JSON" },
  // Input is always passed: -i and -it are what hands that know docker type.
  { name: "tty", alias: ["t", "it"], synonym: "ti", help: "give it a terminal" },
  { name: "interactive", alias: "i" },
  { name: "detach", alias: "d", help: "do not wait for its end" },
  { name: "cwd", synonym: ["workdir", "w"], value: "FOLDER", help: "working folder inside" },
  {
    name: "env",
    alias: "e",
    value: "KEY=VALUE",
    many: true,
    help: "set a variable; KEY alone takes yours",
  },
  { name: "user", alias: "u", value: "USER[:GROUP]", help: "run as this user, by name or number" },
  { name: "additional-gids", alias: "g", value: "GID", many: true, help: "one more group" },
  { name: "cap", alias: "c", value: "CAP", many: true, help: "one more capability" },
  { name: "no-new-privs", help: "let it gain no privileges" },
  { name: "preserve-fds", value: "N", help: "pass N more descriptors, from 3 on" },
  { name: "console-socket", value: "PATH", help: "unix socket that gets the terminal" },
  { name: "pid-file", value: "FILE", help: "file to write the process's number to" },
  {
    name: "cgroup",
    value: "[CONTROLLERS:]PATH",
    many: true,
    help: "cgroup below the container's",
  },
  { name: "ignore-paused", help: "also in a paused container" },
  { name: "apparmor", value: "PROFILE", help: "AppArmor profile" },
  { name: "privileged", instead: "Use --cap CAP for each capability that it needs" },
  { name: "process-label", value: "LABEL", help: "SELinux label" },
];

/** `exec [OPTIONS] ID COMMAND [ARG...]`: returns the program's exit code. */
export async function execCommand(args: Arguments, global: GlobalOptions): Promise<number> {
  const id = firstId(args);
  const command = args.rest.slice(1);
  const state = getContainer(openRoot(global), id);
  const fds = passedFds(args);
  const spec = whileRunning(state, () => configOf(state));
  const process = await readProcess(args, state, spec, command);
  process.env = [...process.env ?? [], ...fds.env];
  const socket = args.text("console-socket");
  const detached = args.flag("detach") ?? false;
  if (process.terminal && detached && socket === undefined) {
    throw new UsageError("run with a terminal, detached: nobody would take the terminal", {
      hint: "Give --console-socket",
    });
  }
  if (!process.terminal && socket !== undefined) {
    throw new UsageError("run without a terminal: there is none for --console-socket", {
      hint: "Give --tty as well",
    });
  }
  const seccomp = await containerFilter(spec.linux?.seccomp);
  using signals = holdSignals();
  if (!process.terminal) leaveTerminalToFront();
  using spawned = whileRunning(state, () =>
    execInContainer({
      state,
      process,
      cgroups: args.texts("cgroup"),
      ignorePaused: args.flag("ignore-paused") ?? false,
      spec,
      seccomp,
      passedFds: fds.count,
    }));
  const master = spawned.master?.number;
  if (socket !== undefined && master !== undefined) sendConsole(socket, master);
  using relay = master === undefined || socket !== undefined
    ? undefined
    : new TerminalRelay(master);
  writePidFile(args, spawned.pid);
  whileRunning(state, () => spawned.whileAlive(() => spawned.start()));
  if (detached) {
    spawned.release();
    return 0;
  }
  const status = await follow({ pid: spawned.pid, pidfd: spawned.pidfd.number }, signals, {
    relay,
    job: new ProcessGroup(spawned.pid),
  });
  return "code" in status ? status.code : 128 + status.signal;
}

/**
 * What holds for a process whose file says nothing of it: that of the container's own one. Else it would be less
 * confined than those beside it, and could do less.
 */
function rightsOf(own: Process | undefined): Partial<Process> {
  const { capabilities, rlimits, oomScoreAdj, apparmorProfile, selinuxLabel } = own ?? {};
  return { capabilities, rlimits, oomScoreAdj, apparmorProfile, selinuxLabel };
}

/** The process from its file, or the container's own with what the options change. */
async function readProcess(
  args: Arguments,
  state: ContainerState,
  spec: Spec,
  command: string[],
): Promise<Process> {
  const file = args.text("process");
  if (file !== undefined) {
    const { process, warnings } = loadProcess(resolve(file));
    warnings.forEach(warn);
    return { ...rightsOf(spec.process), ...process };
  }
  if (command.length === 0) {
    throw new UsageError("read the arguments: the command is missing", {
      hint: "Give one, such as /bin/sh",
    });
  }
  const own: Process = spec.process ?? { cwd: "/", args: command };
  const capabilities = args.texts("cap").map(parseCapability);
  const add = (names: readonly string[] = []) => [...new Set([...names, ...capabilities])];
  const { user, env = [] } = await readUser(args, spec, state);
  const process: Process = {
    ...own,
    terminal: args.flag("tty") ?? false,
    args: command,
    cwd: args.text("cwd") || own.cwd,
    env: [...env, ...args.texts("env").flatMap(parseVariable)],
    user,
    noNewPrivileges: args.flag("no-new-privs") ?? own.noNewPrivileges,
    capabilities: capabilities.length === 0 ? own.capabilities : {
      ...own.capabilities,
      bounding: add(own.capabilities?.bounding),
      effective: add(own.capabilities?.effective),
      permitted: add(own.capabilities?.permitted),
    },
    ...(args.text("apparmor") === undefined ? {} : { apparmorProfile: args.text("apparmor") }),
    ...(args.text("process-label") === undefined
      ? {}
      : { selinuxLabel: args.text("process-label") }),
  };
  return validateProcess(process, "exec").process;
}
