import type { Running } from "../../integration/support/process.ts";
import { exists, host, isInstalled } from "../../integration/support/project.ts";
import { until } from "../../integration/support/wait.ts";
import type { Workspace } from "../../integration/support/workspace.ts";

/** Whether containerd, its shim and its command are installed. */
export const HAS_CONTAINERD = ["containerd", "containerd-shim-runc-v2", "ctr"].every(isInstalled);

/** Whether docker's daemon and command are installed; the daemon needs containerd. */
export const HAS_DOCKER = HAS_CONTAINERD && isInstalled("dockerd") && isInstalled("docker");

/** A containerd with folders of the test's own. */
export class Containerd {
  readonly #workspace: Workspace;
  #daemon: Promise<Running> | undefined;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** The socket that it listens on. */
  get socket(): string {
    return this.#workspace.path("containerd.sock");
  }

  /** Starts it, once, and waits until it listens. */
  start(): Promise<Running> {
    return this.#daemon ??= this.#start();
  }

  async #start(): Promise<Running> {
    const path = (name: string) => this.#workspace.path(name);
    await Deno.writeTextFile(
      path("containerd.toml"),
      `version = 2
root = "${path("containerd/root")}"
state = "${path("containerd/state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${this.socket}"
`,
    );
    const daemon = this.#workspace.start(["--config", path("containerd.toml")], {
      binary: "containerd",
    });
    await daemon.complains(/containerd successfully booted/);
    return daemon;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const daemon = await this.#daemon;
    daemon?.kill("SIGTERM");
    await daemon?.end();
  }
}

/** A dockerd with folders of the test's own, without a network of its own. */
export class Dockerd {
  readonly #workspace: Workspace;
  readonly #containerd: Containerd;
  readonly #runtimes: Readonly<Record<string, string>>;
  #daemon: Promise<Running> | undefined;

  /** @param runtimes the runtimes that it knows besides its own: names and paths. */
  constructor(
    workspace: Workspace,
    containerd: Containerd,
    runtimes: Readonly<Record<string, string>>,
  ) {
    this.#workspace = workspace;
    this.#containerd = containerd;
    this.#runtimes = runtimes;
  }

  /** The socket that it listens on. */
  get socket(): string {
    return this.#workspace.path("docker.sock");
  }

  /** Starts it, once, and waits until it listens. */
  start(): Promise<Running> {
    return this.#daemon ??= this.#start();
  }

  async #start(): Promise<Running> {
    await this.#containerd.start();
    const path = (name: string) => this.#workspace.path(name);
    await Deno.writeTextFile(path("daemon.json"), "{}");
    const runtimes = Object.entries(this.#runtimes)
      .flatMap(([name, program]) => ["--add-runtime", `${name}=${program}`]);
    const daemon = this.#workspace.start([
      ...["--config-file", path("daemon.json"), "--containerd", this.#containerd.socket],
      ...["--data-root", path("docker/data"), "--exec-root", path("docker/exec")],
      ...["--pidfile", path("docker.pid"), "--host", `unix://${this.socket}`],
      ...["--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false"],
      ...runtimes,
    ], { binary: "dockerd" });
    await until("dockerd listens", () => {
      if (/API listen on/.test(daemon.stderr) && exists(this.socket)) return true;
      if (/failed to start daemon|\bfatal\b/.test(daemon.stderr)) throw new Error(daemon.stderr);
      return undefined;
    });
    return daemon;
  }

  /** Ends it, and the containerd below it. */
  async stop(): Promise<void> {
    const daemon = await this.#daemon;
    daemon?.kill("SIGTERM");
    await daemon?.end();
    await this.#containerd.stop();
    // Where mounts are private it makes its folder a shared one, and may leave it so.
    const data = this.#workspace.path("docker/data");
    if (Deno.readTextFileSync("/proc/self/mountinfo").includes(` ${data} `)) {
      await host("umount", data);
    }
  }
}
