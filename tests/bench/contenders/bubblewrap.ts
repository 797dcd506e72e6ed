import { ENVIRONMENT, type Peer } from "../contender.ts";

/** bubblewrap: namespaces and bind mounts, and no more. */
export const bubblewrap: Peer = {
  name: "bwrap",
  title: "bubblewrap",
  program: "bwrap",
  package: "bubblewrap",
  prepare({ program, rootfs }) {
    const root = ["--bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev"];
    return {
      includes: "no cgroups, no overlay",
      command: {
        argv: [program, "--unshare-all", "--die-with-parent", ...root, "/bin/true"],
        env: ENVIRONMENT,
      },
      every: 1,
    };
  },
};
