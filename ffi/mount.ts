import { cstring, utf8 } from "./cstring.ts";
import { SysError } from "./errno.ts";
import { quote } from "./file.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE } from "./constants.ts";

/** umount2(2): lazily. */
export const MNT_DETACH = 2;
/** umount2(2): a symbolic link at the end is not followed. */
export const UMOUNT_NOFOLLOW = 8;

/** struct mount_attr, mount_setattr(2). */
export const mount_attr = struct("mount_attr", 32, {
  attr_set: [0, "u64"],
  attr_clr: [8, "u64"],
  propagation: [16, "u64"],
  userns_fd: [24, "u64"],
});

/** mount(2). `data` are the file system's own options, comma-separated. */
export function mount(
  source: string | null,
  target: string,
  fstype: string | null,
  flags: number,
  data: string | null = null,
): void {
  const detail = `${quote(source ?? "")} on ${quote(target)}`;
  syscall(
    "mount",
    detail,
    source === null ? null : cstring(source),
    cstring(target),
    fstype === null ? null : cstring(fstype),
    flags,
    data === null ? null : cstring(data),
  );
}

/** umount2(2). */
export function umount2(target: string, flags: number): void {
  syscall("umount2", quote(target), cstring(target), flags);
}

/** pivot_root(2). */
export function pivot_root(newRoot: string, putOld: string): void {
  syscall("pivot_root", `${quote(newRoot)}, ${quote(putOld)}`, cstring(newRoot), cstring(putOld));
}

/** fsopen(2): a context for a new superblock, close-on-exec. */
export function fsopen(fstype: string): number {
  const FSOPEN_CLOEXEC = 1;
  return syscall("fsopen", quote(fstype), cstring(fstype), FSOPEN_CLOEXEC);
}

const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_SET_FD = 5;
const FSCONFIG_CMD_CREATE = 6;
const FSCONFIG_CMD_RECONFIGURE = 7;

/** fsconfig(2) FSCONFIG_SET_STRING, or FSCONFIG_SET_FLAG where the option has no value. */
export function fsconfig_set(fsfd: number, key: string, value?: string): void {
  const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  const text = value === undefined ? null : cstring(value);
  if (trySyscall("fsconfig", fsfd, command, cstring(key), text, 0) !== -1) return;
  const detail = value === undefined ? quote(key) : `${quote(key)} = ${quote(value)}`;
  throw withFsMessage(fsfd, "fsconfig", detail);
}

/** fsconfig(2) FSCONFIG_SET_FD: an option whose value is something open. */
export function fsconfig_set_fd(fsfd: number, key: string, fd: number): void {
  if (trySyscall("fsconfig", fsfd, FSCONFIG_SET_FD, cstring(key), null, fd) !== -1) return;
  throw withFsMessage(fsfd, "fsconfig", quote(key));
}

/** fsconfig(2) FSCONFIG_CMD_CREATE: makes the superblock. */
export function fsconfig_create(fsfd: number): void {
  if (trySyscall("fsconfig", fsfd, FSCONFIG_CMD_CREATE, null, null, 0) !== -1) return;
  throw withFsMessage(fsfd, "fsconfig", "create");
}

/** fspick(2): a context for the superblock of the mount whose root `fd` has open, close-on-exec. */
export function fspick(fd: number): number {
  const FSPICK_CLOEXEC = 1;
  const FSPICK_EMPTY_PATH = 8;
  return syscall("fspick", `${fd}`, fd, cstring(""), FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
}

/** fsconfig(2) FSCONFIG_CMD_RECONFIGURE: gives the superblock its new options. */
export function fsconfig_reconfigure(fsfd: number): void {
  if (trySyscall("fsconfig", fsfd, FSCONFIG_CMD_RECONFIGURE, null, null, 0) !== -1) return;
  throw withFsMessage(fsfd, "fsconfig", "reconfigure");
}

/** The kernel says in words, on the context itself, what it did not like: they belong to the error. */
function withFsMessage(fsfd: number, call: string, detail: string): SysError {
  const number = errno();
  const messages: string[] = [];
  const buffer = alloc(1024);
  for (let i = 0; i < 8; i++) {
    const length = trySyscall("read", fsfd, buffer, buffer.length);
    if (length <= 0) break;
    // Each begins with how grave it is: e, w or i.
    messages.push(utf8(buffer.subarray(0, length)).trim().replace(/^[ewi] /, ""));
  }
  const said = messages.length > 0 ? ` (${messages.join("; ")})` : "";
  return new SysError(call, number, detail + said);
}

/** fsmount(2): a detached mount of the context's superblock. `attributes` is MOUNT_ATTR_* bits. */
export function fsmount(fsfd: number, attributes: number): number {
  const FSMOUNT_CLOEXEC = 1;
  return syscall("fsmount", `${fsfd}`, fsfd, FSMOUNT_CLOEXEC, attributes);
}

const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;

/** open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at a path, with what is mounted below it if `recursive`. */
export function open_tree_clone(dirfd: number, path: string, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
    (path === "" ? AT_EMPTY_PATH : 0);
  return syscall("open_tree", quote(path || `${dirfd}`), dirfd, cstring(path), flags);
}

/**
 * move_mount(2) of a detached mount onto the very file that `targetFd` has open, or onto what is called `name` in that
 * folder, which is no link.
 */
export function move_mount(mountFd: number, targetFd: number, detail: string, name = ""): void {
  const MOVE_MOUNT_F_EMPTY_PATH = 4;
  const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
  const flags = MOVE_MOUNT_F_EMPTY_PATH | (name === "" ? MOVE_MOUNT_T_EMPTY_PATH : 0);
  syscall("move_mount", detail, mountFd, cstring(""), targetFd, cstring(name), flags);
}

/**
 * mount_setattr(2) on an open mount.
 *
 * @param change attributes to set and clear (MOUNT_ATTR_*), `propagation` one of MS_SHARED,
 * MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, `userns` a user namespace descriptor for MOUNT_ATTR_IDMAP.
 */
export function mount_setattr(
  mountFd: number,
  change: { set?: number; clear?: number; propagation?: number; userns?: number },
  recursive = false,
): void {
  const attr = mount_attr.encode({
    attr_set: change.set ?? 0,
    attr_clr: change.clear ?? 0,
    propagation: change.propagation ?? 0,
    userns_fd: change.userns ?? 0,
  });
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const detail = `set 0x${(change.set ?? 0).toString(16)} clear 0x${
    (change.clear ?? 0).toString(16)
  }`;
  syscall("mount_setattr", detail, mountFd, cstring(""), flags, attr, mount_attr.size);
}
