/** Who can make a container's cgroup: gocontainer itself, systemd, or nobody, so that it stays in its caller's. */
export const CGROUP_MANAGERS = ["cgroupfs", "systemd", "disabled"] as const;

/** One of {@link CGROUP_MANAGERS}. */
export type CgroupManager = typeof CGROUP_MANAGERS[number];
