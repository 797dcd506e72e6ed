import { ToolError } from "../../../tools/report.ts";
import { exists } from "../../../tools/project.ts";
import { removeCgroups } from "../cgroups.ts";
import { ENVIRONMENT, type Peer, type Site } from "../contender.ts";

/** runc and crun, which are used alike: `run` of a bundle that lies ready. */
export function ociRuntime(name: "runc" | "crun"): Peer {
  return {
    name,
    title: `${name} run`,
    program: name,
    package: name,
    prepare(site) {
      const { program, folder, id, undo } = site;
      makeBundle(site, ["/bin/true"]);
      // They remove it themselves, unless they are stopped midway.
      undo.defer(() => removeCgroups(id));
      return {
        includes: "cgroups; no overlay",
        command: {
          argv: [program, "--root", `${folder}/state`, "run", "--bundle", folder, id],
          env: ENVIRONMENT,
        },
        every: 1,
      };
    },
  };
}

/** What is changed in a config.json (config.md of the OCI runtime specification). */
interface Config {
  process: { terminal?: boolean; args: string[] };
  root: { path: string };
  linux: { cgroupsPath?: string };
}

/**
 * Writes the runtime's own example of a config.json, changed to run a program without a terminal
 * and in a cgroup that nobody else uses.
 */
export function makeBundle({ program, folder, rootfs, id }: Site, args: string[]): void {
  const path = `${folder}/config.json`;
  if (exists(path)) Deno.removeSync(path);
  const { success, stderr } = new Deno.Command(program, {
    args: ["spec"],
    cwd: folder,
    clearEnv: true,
    env: ENVIRONMENT,
  }).outputSync();
  if (!success) throw new ToolError(new TextDecoder().decode(stderr).trim());
  const config = JSON.parse(Deno.readTextFileSync(path)) as Config;
  config.process.terminal = false;
  config.process.args = args;
  config.root.path = rootfs;
  // One that sleeps stands beside the one that is measured.
  config.linux.cgroupsPath = args[0] === "/bin/true" ? `/${id}` : `/${id}-sleeper`;
  Deno.writeTextFileSync(path, JSON.stringify(config));
}
