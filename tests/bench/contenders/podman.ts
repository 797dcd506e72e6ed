import { exists } from "../../../tools/project.ts";
import { removeCgroups } from "../cgroups.ts";
import { ENVIRONMENT, findProgram, type Peer } from "../contender.ts";

/** The locks that podman shares between all its stores. */
const LOCKS = "/dev/shm/libpod_lock";

/** podman, with a store of its own, and without a network, since its bridge would stay. */
export const podman: Peer = {
  name: "podman",
  title: "podman run",
  program: "podman",
  package: "podman",
  prepare({ program, folder, rootfs, id, undo }) {
    undo.defer(() => removeCgroups(id));
    if (!exists(LOCKS)) undo.defer(() => Deno.removeSync(LOCKS));
    // It takes no longer path than one of 50 characters.
    const runroot = Deno.makeTempDirSync({ dir: "/run", prefix: "podman-" });
    undo.defer(() => Deno.removeSync(runroot, { recursive: true }));
    const global: Record<string, string> = {
      root: `${folder}/storage`,
      runroot,
      tmpdir: `${folder}/tmp`,
      "network-config-dir": `${folder}/networks`,
      // The overlay driver leaves a mount.
      "storage-driver": "vfs",
      "cgroup-manager": "cgroupfs",
      "events-backend": "none",
    };
    const runc = findProgram("runc");
    // crun, its default, refuses hosts with cgroups of both versions.
    if (runc !== undefined) global.runtime = runc;
    const options = {
      network: "none",
      "cgroup-parent": `/${id}`,
      rootfs: "true",
    };
    return {
      includes: "cgroups; no overlay",
      command: {
        argv: [
          program,
          ...flags(global),
          "run",
          "--rm",
          // Its defaults take a right that root need not have.
          "--ulimit=nofile=1024:1024",
          "--ulimit=nproc=1024:1024",
          ...flags(options),
          rootfs,
          "/bin/true",
        ],
        env: ENVIRONMENT,
      },
      every: 6,
    };
  },
};

function flags(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}
