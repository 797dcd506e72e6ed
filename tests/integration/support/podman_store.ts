import { run } from "../image_lab.ts";

/** podman with a store of the test's own, which runs containers by runc. */
export class PodmanStore {
  readonly #folder: string;

  /** @param folder where it keeps everything; it takes no long path for what it needs while it runs. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs a command of podman and returns what it said. */
  do(...args: readonly string[]): string {
    return run("podman", [
      ...["--root", `${this.#folder}/root`, "--runroot", `${this.#folder}/run`],
      // crun refuses cgroup v1 where a cgroup v2 beside it has a controller.
      ...["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"],
      ...args,
    ]);
  }

  /** Runs a container to its end and returns what it said. */
  run(image: string, ...command: readonly string[]): string {
    // Limits that may be set also where podman's own, higher ones may not (no CAP_SYS_RESOURCE).
    const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
    return this.do("run", "--rm", "--net", "none", ...limits, image, ...command);
  }
}
