import { ToolError } from "../../../tools/report.ts";
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
      makeBundle(site);
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
 * Writes the runtime's own example of a config.json, changed to run /bin/true without a terminal
 * and in a cgroup that nobody else uses.
 */
function makeBundle({ program, folder, rootfs, id }: Site): void {
  const { success, stderr } = new Deno.Command(program, {
    args: ["spec"],
    cwd: folder,
    clearEnv: true,
    env: ENVIRONMENT,
  }).outputSync();
  if (!success) throw new ToolError(new TextDecoder().decode(stderr).trim());
  const path = `${folder}/config.json`;
  const config = JSON.parse(Deno.readTextFileSync(path)) as Config;
  config.process.terminal = false;
  config.process.args = ["/bin/true"];
  config.root.path = rootfs;
  config.linux.cgroupsPath = `/${id}`;
  Deno.writeTextFileSync(path, JSON.stringify(config));
}
