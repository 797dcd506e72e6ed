import type { Spec } from "../../../lib/oci/spec.ts";
import { type Outcome, Running } from "./process.ts";
import { alpineArchive, BINARY, entriesOf, host } from "./project.ts";

/** How a binary is started. */
export interface StartOptions {
  /** Variables besides PATH and TERM. */
  readonly env?: Readonly<{ [name: string]: string }>;
  /** Standard input; nothing unless told. `piped` leaves it to the test. */
  readonly stdin?: "piped" | string | Uint8Array<ArrayBuffer>;
  /** A command that the binary's path and arguments are added to, such as `["env", "-i"]`. */
  readonly through?: readonly string[];
  /** The working folder; the workspace unless told. */
  readonly cwd?: string;
  /** The binary; the one under test unless told. */
  readonly binary?: string;
}

/**
 * A folder of a test file's own, root's alone, with images and containers below it, in which the
 * built binary is run. Everything that still runs at the end is ended, and the folder removed.
 */
export class Workspace {
  #folder: string | undefined;
  readonly #started = new Set<Running>();

  private constructor() {}

  /** The workspace of the test file that calls this; it goes after the file's last test. */
  static ofThisFile(): Workspace {
    const workspace = new Workspace();
    Deno.test.afterAll(() => workspace.#remove());
    return workspace;
  }

  /** Its folder, absolute, made at the first use. */
  get folder(): string {
    if (this.#folder === undefined) {
      this.#folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gocontainer-test-" }));
      Deno.mkdirSync(`${this.#folder}/images`, { mode: 0o755 });
      const archive = alpineArchive();
      if (archive !== undefined) {
        Deno.copyFileSync(archive, `${this.#folder}/images/alpine.tar.gz`);
      }
    }
    return this.#folder;
  }

  /** A path below the workspace's folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Starts the binary with these arguments. */
  start(args: readonly string[], options: StartOptions = {}): Running {
    const { stdin = "", env, through = [], cwd = this.folder, binary = BINARY } = options;
    const [program, ...words] = [...through, binary, ...args];
    const child = new Deno.Command(program, {
      args: words,
      cwd,
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", TERM: "xterm", ...env },
      stdin: stdin === "" ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const running = new Running(child);
    this.#started.add(running);
    return running;
  }

  /** Runs the binary with these arguments to its end. */
  async run(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    const running = this.start(args, options);
    const { stdin = "" } = options;
    const fed = stdin === "" || stdin === "piped" ? undefined : running.feed(stdin);
    try {
      const outcome = await running.end();
      await fed;
      return outcome;
    } finally {
      this.#started.delete(running);
    }
  }

  /**
   * Runs a shell script in a container without network and returns what it said.
   *
   * @throws {Error} when it ends with another code than 0.
   */
  async sh(script: string, ...options: string[]): Promise<string> {
    const args = ["-net", "none", ...options, "alpine", "/bin/sh", "-c", script];
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`exit code ${code} of: ${script}\n${stdout}\n${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  /** The ids of the containers whose folders are there. */
  ids(folder: string = "containers"): string[] {
    return entriesOf(this.path(folder)).map(({ name }) => name);
  }

  /** The OCI description that was written beside a container. */
  config(id: string): Spec {
    return JSON.parse(Deno.readTextFileSync(this.path(`containers/${id}/config.json`))) as Spec;
  }

  #alpine: Promise<string> | undefined;

  /** The folder of the host that holds the root file system of the image `alpine`. */
  alpine(): Promise<string> {
    return this.#alpine ??= this.#findAlpine();
  }

  async #findAlpine(): Promise<string> {
    const id = await this.sh("hostname");
    const [{ options = [] }] = this.config(id).mounts!;
    return options.find((option) => option.startsWith("lowerdir="))!.slice("lowerdir=".length);
  }

  /**
   * Makes an image of its own: a copy of Alpine that `change` may do as it likes with.
   *
   * @returns its root folder on the host.
   */
  async image(name: string, change: (root: string) => void | Promise<void>): Promise<string> {
    const root = this.path(`images/${name}`);
    await host("cp", "-a", await this.alpine(), root);
    await change(root);
    return root;
  }

  async #remove(): Promise<void> {
    for (const running of this.#started) {
      running.kill("SIGKILL");
      await running.end();
    }
    if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
  }
}
