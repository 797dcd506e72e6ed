import { MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from "../../ffi/mount_flags.ts";

/**
 * The values of `linux.rootfsPropagation` as mount(2) flags, mount_namespaces(7). The specification has the
 * first four; engines write the others too. Either way the root's own is meant: each of the config's mounts has
 * what its options say.
 */
export const ROOTFS_PROPAGATION = {
  shared: MS_SHARED,
  slave: MS_SLAVE,
  private: MS_PRIVATE,
  unbindable: MS_UNBINDABLE,
  rshared: MS_SHARED | MS_REC,
  rslave: MS_SLAVE | MS_REC,
  rprivate: MS_PRIVATE | MS_REC,
  runbindable: MS_UNBINDABLE | MS_REC,
} as const;

export type RootfsPropagation = keyof typeof ROOTFS_PROPAGATION;
