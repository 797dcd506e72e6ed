import type { FilledSpec } from "./bundle.ts";
import type { Outcome } from "./process.ts";
import { BINARY, host, isInstalled } from "./project.ts";
import type { StartOptions, Workspace } from "./workspace.ts";

/** The number of a user and group that the machine does not have. */
export const UID = 61_234;

/** The ids that the user may map besides his own. */
export const SUBORDINATE = { first: 2_000_000, size: 65_536 } as const;

/** Whether this kernel lets an ordinary user make user namespaces. */
export const MAY_MAKE_NAMESPACES = isInstalled("setpriv") && isInstalled("unshare") &&
  new Deno.Command("setpriv", {
    args: [`--reuid=${UID}`, `--regid=${UID}`, "--clear-groups", "unshare", "--user", "true"],
    stderr: "null",
  }).outputSync().success;

/** What a test needs whose user maps more ids than his own. */
export const mapsMany: Readonly<Record<string, boolean>> = {
  "a user namespace for ordinary users": MAY_MAKE_NAMESPACES,
  newuidmap: isInstalled("newuidmap"),
};

/**
 * A user without any rights, who runs the binary. The files that know of him are laid over the host's in a
 * mount namespace of each command's own, so that the host stays as it is.
 */
export class OrdinaryUser {
  #count = 0;
  #ready: Promise<void> | undefined;

  constructor(readonly workspace: Workspace) {}

  /** His $XDG_RUNTIME_DIR. */
  get runtimeFolder(): string {
    return this.workspace.path("run");
  }

  /** An id that no other test has. */
  id(): string {
    return `user-${Deno.pid}-${++this.#count}`;
  }

  /**
   * A command that turns root into the user and runs what follows it.
   *
   * @param before what root's shell does before that, in the new mount namespace.
   */
  command(before = ""): string[] {
    const file = (name: string) => this.workspace.path(name);
    const script = [
      "set -e",
      ...["passwd", "group", "subuid", "subgid"].map((name) =>
        `mount --bind ${file(name)} /etc/${name}`
      ),
      before,
      `exec setpriv --reuid=${UID} --regid=${UID} --clear-groups "$@"`,
    ].join("\n");
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"];
  }

  /** Runs the binary as the user to its end. */
  async run(
    args: readonly string[],
    { through = [], env, before, ...options }: StartOptions & { readonly before?: string } = {},
  ): Promise<Outcome> {
    await this.ready();
    return await this.workspace.run(args, {
      binary: this.workspace.path("gocontainer"),
      cwd: this.workspace.path("home"),
      ...options,
      env: env ?? { XDG_RUNTIME_DIR: this.runtimeFolder },
      through: [...through, ...this.command(before)],
    });
  }

  /**
   * Runs it and returns what it said, without the last line's end.
   *
   * @throws {Error} when it fails.
   */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`${args.join(" ")}: exit code ${code}\n${stderr}`);
    return stdout.trimEnd();
  }

  /** As {@link ok}, of what leaves a process behind: that keeps standard output and error, which go nowhere. */
  async detached(...args: string[]): Promise<void> {
    const log = this.workspace.path(`log-${++this.#count}`);
    const through = ["sh", "-c", 'exec "$@" >/dev/null 2>"$0"', log];
    const { code } = await this.run(args, { through });
    if (code !== 0) throw new Error(`${args.join(" ")}: ${await Deno.readTextFile(log)}`);
  }

  /**
   * Makes a bundle of the user's own: Alpine, with what `spec --rootless` writes for him, except that there is
   * no terminal and that the root can be written.
   *
   * @param script what the shell in the container is to do.
   */
  async bundle(script: string, change: (spec: FilledSpec) => void = () => {}): Promise<string> {
    await this.ready();
    const folder = this.workspace.path(`home/bundle-${++this.#count}`);
    await Deno.mkdir(folder, { mode: 0o755 });
    await host("cp", "-a", await this.workspace.alpine(), `${folder}/rootfs`);
    await Deno.chmod(`${folder}/rootfs`, 0o755);
    await host("chown", "-R", `${UID}:${UID}`, folder);
    await this.ok("spec", "--rootless", "--bundle", folder);
    const file = `${folder}/config.json`;
    const spec = JSON.parse(await Deno.readTextFile(file)) as FilledSpec;
    spec.process.terminal = false;
    spec.process.args = ["/bin/sh", "-c", script];
    spec.root.readonly = false;
    change(spec);
    await Deno.writeTextFile(file, JSON.stringify(spec));
    return folder;
  }

  /** Makes a bundle and runs it to its end. */
  async runs(
    script: string,
    change?: (spec: FilledSpec) => void,
    options?: StartOptions & { readonly before?: string },
  ): Promise<Outcome> {
    const bundle = await this.bundle(script, change);
    return await this.run(["run", "--bundle", bundle, this.id()], options);
  }

  /** Does something while a container of his sleeps; it is deleted afterwards. */
  async during(
    change: (spec: FilledSpec) => void,
    body: (id: string, pid: number, bundle: string) => Promise<void>,
  ): Promise<void> {
    const bundle = await this.bundle("exec sleep 1000", change);
    const id = this.id();
    await this.detached("run", "-d", "--bundle", bundle, id);
    try {
      await body(id, JSON.parse(await this.ok("state", id)).pid, bundle);
    } finally {
      await this.ok("delete", "--force", id);
    }
  }

  /** His files are made at the first use. */
  ready(): Promise<void> {
    return this.#ready ??= this.#prepare();
  }

  async #prepare(): Promise<void> {
    const { workspace } = this;
    // He cannot look where the project may lie.
    await Deno.copyFile(BINARY, workspace.path("gocontainer"));
    await Deno.chmod(workspace.path("gocontainer"), 0o755);
    await Deno.chmod(workspace.folder, 0o755);
    for (const folder of ["run", "home"]) {
      await Deno.mkdir(workspace.path(folder), { mode: 0o700 });
      await Deno.chown(workspace.path(folder), UID, UID);
    }
    const { first, size } = SUBORDINATE;
    const files = {
      passwd: `root:x:0:0::/root:/bin/sh\ntester:x:${UID}:${UID}::/:/bin/sh\n`,
      group: `root:x:0:\ntester:x:${UID}:\n`,
      subuid: `tester:${first}:${size}\n`,
      subgid: `tester:${first}:${size}\n`,
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(workspace.path(name), text, { mode: 0o644 });
    }
  }
}

/** Maps the container's root to the user, and all others to his subordinate ids. */
export function mapMany(spec: FilledSpec): void {
  const { first, size } = SUBORDINATE;
  const mappings = [
    { containerID: 0, hostID: UID, size: 1 },
    { containerID: 1, hostID: first, size },
  ];
  spec.linux.uidMappings = mappings;
  spec.linux.gidMappings = mappings;
}
