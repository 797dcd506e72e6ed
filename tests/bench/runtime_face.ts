import { ToolError } from "../../tools/report.ts";
import { removeCgroups } from "./cgroups.ts";
import { type Contender, ENVIRONMENT, findProgram } from "./contender.ts";
import { makeBundle } from "./contenders/oci_runtime.ts";
import { extract, type Workspace } from "./workspace.ts";

/** What engines ask a runtime to do, and how it is measured. */
export type Deed = "run" | "exec" | "create, start, delete";

/** All of them, in the order of the report. */
export const DEEDS: readonly Deed[] = ["run", "exec", "create, start, delete"];

/** A runtime with a bundle of its own, and a container in which something can be run. */
export interface Runtime {
  readonly name: string;
  readonly program: string;
  readonly folder: string;
  readonly id: string;
}

const PEERS = ["runc", "crun"];

/**
 * Gets the runtimes ready, gocontainer first: each with a bundle and with a container that sleeps.
 *
 * @param binary the path of gocontainer
 * @param archive the path of a root file system's
 * @param running the names of programs that run on this machine
 */
export function gatherRuntimes(
  binary: string,
  archive: string,
  running: readonly string[],
  workspace: Workspace,
  undo: DisposableStack,
): Runtime[] {
  const found = PEERS.filter((name) => running.includes(name))
    .map((name) => ({ name, program: findProgram(name) }));
  const programs = [{ name: "gocontainer", program: binary }, ...found]
    .flatMap(({ name, program }) => program === undefined ? [] : [{ name, program }]);
  return programs.map(({ name, program }) => {
    const folder = workspace.folder(`runtime-${name}`);
    const rootfs = workspace.folder(`runtime-${name}/rootfs`);
    extract(archive, rootfs);
    const id = `gocontainer-bench-${Deno.pid}-${name}-runtime`;
    const runtime = { name, program, folder, id };
    undo.defer(() => removeCgroups(id));
    undo.defer(() => removeCgroups(`${id}-sleeper`));
    makeBundle({ program, folder, rootfs, id, undo }, ["/bin/sleep", "100000"]);
    start(runtime);
    undo.defer(() => void call(runtime, ["delete", "--force", `${id}-sleeper`]));
    makeBundle({ program, folder, rootfs, id, undo }, ["/bin/true"]);
    return runtime;
  });
}

/** A contender for each runtime that does the deed. */
export function contendersFor(deed: Deed, runtimes: readonly Runtime[]): Contender[] {
  return runtimes.map((runtime) => ({
    name: runtime.name,
    title: `${runtime.name} ${deed}`,
    includes: deed === "exec" ? "in a running container" : "of a bundle",
    command: { argv: commandFor(deed, runtime), env: ENVIRONMENT },
    every: 1,
    role: runtime.name === "gocontainer" ? "subject" : "peer",
  }));
}

function commandFor(deed: Deed, { program, folder, id }: Runtime): string[] {
  const global = [program, "--root", `${folder}/state`];
  switch (deed) {
    case "run":
      return [...global, "run", "--bundle", folder, id];
    case "exec":
      return [...global, "exec", `${id}-sleeper`, "/bin/true"];
    case "create, start, delete": {
      const [start, remove] = [`"$@" start ${id}`, `"$@" delete --force ${id}`];
      const script = `"$@" create --bundle "$0" ${id} && ${start} && ${remove}`;
      return ["/bin/sh", "-c", script, folder, ...global];
    }
  }
}

function start(runtime: Runtime): void {
  const { folder, id } = runtime;
  call(runtime, ["run", "--detach", "--bundle", folder, `${id}-sleeper`]);
}

function call({ name, program, folder }: Runtime, args: readonly string[]): void {
  const { success } = new Deno.Command(program, {
    args: ["--root", `${folder}/state`, ...args],
    clearEnv: true,
    env: ENVIRONMENT,
    stdin: "null",
    // What is detached would keep a pipe open.
    stdout: "null",
    stderr: "null",
  }).outputSync();
  if (!success) throw new ToolError(`${name} ${args[0]} failed`);
}
