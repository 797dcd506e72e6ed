import type { Spec } from "../../../lib/oci/spec.ts";
import type { Outcome } from "./process.ts";
import { host } from "./project.ts";
import type { StartOptions, Workspace } from "./workspace.ts";

/** The command that a bundle runs, or a change of its config. */
type Change = (spec: FilledSpec) => void;

/** A config of which the members that tests change are there. */
export type FilledSpec = Spec & {
  process: NonNullable<Spec["process"]>;
  mounts: NonNullable<Spec["mounts"]>;
  linux: NonNullable<Spec["linux"]> & {
    namespaces: NonNullable<NonNullable<Spec["linux"]>["namespaces"]>;
  };
};

/** Bundles of a test file, and the runtime that makes containers of them, with a state folder of its own. */
export class Bundles {
  #count = 0;

  constructor(readonly workspace: Workspace) {}

  /** The words before a command of the runtime. */
  get global(): string[] {
    return ["--root", this.workspace.path("state")];
  }

  /** An id that no other test has. */
  id(): string {
    return `oci-${Deno.pid}-${++this.#count}`;
  }

  /**
   * Makes a bundle: Alpine, with what `spec` of the runtime writes, except that there is no terminal and
   * that the root can be written.
   *
   * @param script what the shell in the container is to do.
   * @returns the bundle's folder.
   */
  async make(script: string, change: Change = () => {}): Promise<string> {
    const folder = this.workspace.path(`bundle-${++this.#count}`);
    await Deno.mkdir(folder, { mode: 0o755 });
    await host("cp", "-a", await this.workspace.alpine(), `${folder}/rootfs`);
    await Deno.chmod(`${folder}/rootfs`, 0o755);
    const { code, stderr } = await this.workspace.run(["spec", "--bundle", folder]);
    if (code !== 0) throw new Error(`write the config of a bundle: ${stderr}`);
    const file = `${folder}/config.json`;
    const spec = JSON.parse(await Deno.readTextFile(file)) as FilledSpec;
    spec.process.terminal = false;
    spec.process.args = ["/bin/sh", "-c", script];
    spec.root.readonly = false;
    change(spec);
    await Deno.writeTextFile(file, JSON.stringify(spec));
    return folder;
  }

  /** Runs a command of the runtime to its end. */
  command(args: readonly string[], options?: StartOptions): Promise<Outcome> {
    return this.workspace.run([...this.global, ...args], options);
  }

  /** Makes a bundle, runs it to its end and returns how that was. */
  async run(script: string, change?: Change, options?: StartOptions): Promise<Outcome> {
    const bundle = await this.make(script, change);
    return await this.command(["run", "--bundle", bundle, this.id()], options);
  }

  /**
   * As {@link run}, for what goes well: returns what was said.
   *
   * @throws {Error} when it ends with another code than 0.
   */
  async says(script: string, change?: Change, options?: StartOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, change, options);
    if (code !== 0) throw new Error(`exit code ${code} of: ${script}\n${stdout}\n${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  /** Does something while a container of this config sleeps; it is deleted afterwards. */
  async during(
    change: Change,
    body: (id: string, pid: number, bundle: string) => Promise<void>,
  ): Promise<void> {
    const bundle = await this.make("exec sleep 1000", change);
    const id = this.id();
    // Its output would keep the test waiting: what is detached keeps it open.
    const made = await this.command(["run", "-d", "--bundle", bundle, id], {
      through: ["sh", "-c", 'exec "$@" >/dev/null </dev/null 2>"$0"', `${bundle}/errors`],
    });
    if (made.code !== 0) throw new Error(await Deno.readTextFile(`${bundle}/errors`));
    try {
      const { stdout } = await this.command(["state", id]);
      await body(id, JSON.parse(stdout).pid, bundle);
    } finally {
      await this.command(["delete", "--force", id]);
    }
  }
}

/** Adds a namespace to a config, or has one joined in the place of a new one. */
export function setNamespace(spec: FilledSpec, type: string, path?: string): void {
  const namespaces = spec.linux.namespaces.filter((namespace) => namespace.type !== type);
  namespaces.push({ type: type as FilledSpec["linux"]["namespaces"][number]["type"], path });
  spec.linux.namespaces = namespaces;
}

/** Leaves a kind of namespace out of a config. */
export function dropNamespace(spec: FilledSpec, type: string): void {
  spec.linux.namespaces = spec.linux.namespaces.filter((namespace) => namespace.type !== type);
}

/** Gives a config a new user namespace, whose root is user 100000 of the host. */
export function mapUsers(spec: FilledSpec): void {
  setNamespace(spec, "user");
  setNamespace(spec, "cgroup");
  const mapping = { containerID: 0, hostID: 100_000, size: 65_536 };
  spec.linux.uidMappings = [mapping];
  spec.linux.gidMappings = [mapping];
}
