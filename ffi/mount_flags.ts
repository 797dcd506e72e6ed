/** mount(2) flags (include/uapi/linux/mount.h). */
export const MS_RDONLY = 1;
export const MS_NOSUID = 1 << 1;
export const MS_NODEV = 1 << 2;
export const MS_NOEXEC = 1 << 3;
export const MS_SYNCHRONOUS = 1 << 4;
export const MS_REMOUNT = 1 << 5;
export const MS_MANDLOCK = 1 << 6;
export const MS_DIRSYNC = 1 << 7;
export const MS_NOSYMFOLLOW = 1 << 8;
export const MS_NOATIME = 1 << 10;
export const MS_NODIRATIME = 1 << 11;
export const MS_BIND = 1 << 12;
export const MS_REC = 1 << 14;
export const MS_SILENT = 1 << 15;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MS_RELATIME = 1 << 21;
export const MS_I_VERSION = 1 << 23;
export const MS_STRICTATIME = 1 << 24;
export const MS_LAZYTIME = 1 << 25;

/** mount_setattr(2) and fsmount(2) attributes (include/uapi/linux/mount.h). */
export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
/** The mask of the access time setting, of which the three below are the values. */
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_RELATIME = 0x00;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
