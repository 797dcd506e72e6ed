/**
 * What crun 1.8 is started through: it refuses cgroup v1 where a cgroup v2 beside it has a controller, so none is
 * to be seen there.
 */
export const WITHOUT_UNIFIED: readonly string[] = [
  ...["unshare", "--mount", "--propagation", "private", "--"],
  ...["sh", "-c", '[ ! -d "$0" ] || umount "$0" || exit; exec "$@"', "/sys/fs/cgroup/unified"],
];
