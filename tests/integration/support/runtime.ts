import { assertEquals } from "@std/assert";
import type { Process, Spec } from "../../../lib/oci/spec.ts";
import type { Outcome, Running } from "./process.ts";
import { entriesOf, exists } from "./project.ts";
import { until } from "./wait.ts";
import type { StartOptions, Workspace } from "./workspace.ts";

/** A part of a config.json to be changed: `process` and `linux` member by member, the rest as a whole. */
export type Changes = Partial<Omit<Spec, "process">> & { readonly process?: Partial<Process> };

/**
 * The binary's other face: containers made from bundles, their state in a folder of the test's own.
 */
export class Runtime {
  #bundles = 0;

  constructor(readonly workspace: Workspace) {}

  /** The folder of `--root`. */
  get root(): string {
    return this.workspace.path("state");
  }

  /** Starts the runtime with `--root` and these arguments. */
  start(args: readonly string[], options: StartOptions = {}): Running {
    return this.workspace.start(["--root", this.root, ...args], options);
  }

  /** Runs the runtime with `--root` and these arguments to its end. */
  run(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    return this.workspace.run(["--root", this.root, ...args], options);
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

  /**
   * Runs what leaves a process behind, which keeps standard output and error: they go nowhere.
   *
   * @throws {Error} when it fails.
   */
  async detached(...args: string[]): Promise<void> {
    const through = ["sh", "-c", `exec "$@" >/dev/null 2>&1`, "sh"];
    const { code } = await this.run(args, { through });
    if (code !== 0) throw new Error(`${args.join(" ")}: exit code ${code}`);
  }

  /** Runs it and asserts that it fails and says why. */
  async fails(words: RegExp, ...args: string[]): Promise<Outcome> {
    const told = await this.run(args);
    if (told.code === 0 || !words.test(told.stderr)) {
      throw new Error(`${args.join(" ")}: exit code ${told.code}, not ${words}:\n${told.stderr}`);
    }
    return told;
  }

  /**
   * Makes a bundle: what `spec` writes, the Alpine root file system read-only, and no terminal.
   *
   * @param args the program.
   * @returns the folder.
   */
  async bundle(args: readonly string[], changes: Changes = {}): Promise<string> {
    const folder = this.workspace.path(`bundle${this.#bundles++}`);
    await Deno.mkdir(folder, { mode: 0o755 });
    await this.ok("spec", "--bundle", folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`)) as Spec;
    const { process, linux, ...rest } = changes;
    const changed: Spec = {
      ...config,
      root: { path: await this.workspace.alpine(), readonly: true },
      ...rest,
      process: { ...config.process!, terminal: false, args: [...args], ...process },
      linux: { ...config.linux, ...linux },
    };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(changed));
    return folder;
  }

  /**
   * Creates a container, whose program's standard output and error go to files in its bundle.
   *
   * @returns the bundle.
   */
  async create(id: string, args: readonly string[], changes: Changes = {}): Promise<string> {
    const bundle = await this.bundle(args, changes);
    await this.createFrom(bundle, id);
    return bundle;
  }

  /** As {@link create}, from a bundle that is there. */
  async createFrom(bundle: string, id: string, ...options: string[]): Promise<void> {
    const command = ["--root", this.root, "create", "--bundle", bundle, ...options, id];
    const told = await this.workspace.run(command, {
      through: ["sh", "-c", `"$@" >"$0/out" 2>"$0/err"`, bundle],
    });
    if (told.code !== 0) throw new Error(await Deno.readTextFile(`${bundle}/err`));
  }

  /** Creates and starts a container that sleeps. */
  async sleeper(id: string, changes: Changes = {}): Promise<string> {
    const bundle = await this.create(id, ["sleep", "1000"], changes);
    await this.ok("start", id);
    return bundle;
  }

  /** What `state` says. */
  async state(id: string): Promise<{
    ociVersion: string;
    id: string;
    status: string;
    pid: number;
    bundle: string;
    rootfs: string;
    created: string;
    owner: string;
    annotations?: Record<string, string>;
  }> {
    return JSON.parse(await this.ok("state", id));
  }

  /** Waits for a status. */
  async becomes(status: string, id: string): Promise<void> {
    await until(`${id} is ${status}`, async () => (await this.state(id)).status === status);
  }

  /** Ends and removes containers, whatever they do, and asserts that they are gone. */
  async delete(...ids: string[]): Promise<void> {
    for (const id of ids) {
      await this.ok("delete", "--force", id);
      assertEquals(exists(`${this.root}/${id}`), false);
    }
  }

  /** Ends and removes what a failed test has left. */
  async clear(): Promise<void> {
    for (const { name, isDirectory } of entriesOf(this.root)) {
      if (isDirectory) await this.run(["delete", "--force", name]);
    }
  }
}
