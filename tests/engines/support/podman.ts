import type { Outcome } from "../../integration/support/process.ts";
import { BINARY, isInstalled } from "../../integration/support/project.ts";
import type { StartOptions, Workspace } from "../../integration/support/workspace.ts";
import { alpineArchiveOf } from "./image.ts";

/** Whether podman and its monitor are installed. */
export const HAS_PODMAN = isInstalled("podman") && isInstalled("conmon");

/** The image that {@link Podman.prepare} makes. */
export const IMAGE = "localhost/alpine:test";

/**
 * podman with storage, networks and settings of the test's own, and one runtime: the binary under
 * test unless told.
 */
export class Podman {
  readonly #workspace: Workspace;
  #prepared: Promise<void> | undefined;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** Imports the image, once. */
  prepare(): Promise<void> {
    return this.#prepared ??= this.#prepare();
  }

  async #prepare(): Promise<void> {
    // Limits that also hold where podman's own, higher ones may not be set (no CAP_SYS_RESOURCE).
    const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;
    await Deno.writeTextFile(this.#workspace.path("containers.conf"), settings);
    await this.ok("import", await alpineArchiveOf(this.#workspace), IMAGE);
  }

  /** The arguments in front of the command. */
  arguments(runtime: string): string[] {
    const path = (name: string) => this.#workspace.path(`podman/${name}`);
    return [
      ...["--runtime", runtime, "--storage-driver", "vfs", "--root", path("root")],
      ...["--runroot", path("run"), "--network-config-dir", path("networks")],
      ...["--tmpdir", path("tmp")],
    ];
  }

  /** How podman itself is started, for {@link Workspace.start} and a terminal. */
  get options(): StartOptions {
    return {
      binary: "podman",
      env: { CONTAINERS_CONF: this.#workspace.path("containers.conf") },
    };
  }

  /** Runs podman to its end with the binary under test as runtime. */
  run(...args: string[]): Promise<Outcome> {
    return this.with(BINARY, ...args);
  }

  /** Runs podman to its end with another runtime. */
  with(runtime: string, ...args: string[]): Promise<Outcome> {
    return this.#workspace.run([...this.arguments(runtime), ...args], this.options);
  }

  /**
   * Runs podman and returns what it said, without the last line's end.
   *
   * @throws {Error} when it fails.
   */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`podman ${args.join(" ")}: exit code ${code}\n${stderr}`);
    return stdout.trimEnd();
  }

  /** The ids of all containers that there have been. */
  async everMade(): Promise<string[]> {
    const filter = ["--filter", "event=create", "--filter", "type=container"];
    const events = await this.ok("events", "--stream=false", ...filter, "--format", "{{.ID}}");
    return events.split("\n").filter((id) => id !== "");
  }

  /** Ends and removes all containers, volumes and networks. */
  async clear(): Promise<void> {
    await this.ok("rm", "--all", "--force", "--time", "0", "--volumes");
    await this.ok("volume", "prune", "--force");
    await this.ok("network", "prune", "--force");
  }
}
