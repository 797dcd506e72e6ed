import {
  fsconfig_create,
  fsconfig_reconfigure,
  fsconfig_set,
  fsconfig_set_fd,
  fsmount,
  fsopen,
  fspick,
  mount,
  mount_setattr,
  move_mount,
  open_tree_clone,
} from "../../../ffi/mount.ts";
import { MOUNT_ATTR_IDMAP, MOUNT_ATTR_RDONLY, MS_REC } from "../../../ffi/mount_flags.ts";
import { AT_FDCWD, O_NOFOLLOW, O_PATH } from "../../../ffi/constants.ts";
import { SysError } from "../../../ffi/errno.ts";
import { close, openat, openInRoot, statx } from "../../../ffi/file.ts";
import { dup3 } from "../../../ffi/process.ts";
import { fstatfsType } from "../../../ffi/statfs.ts";
import { closeMount, type InitContext, InitError } from "../context.ts";
import { copyFolder } from "../copy_up.ts";
import { isDirectory, openDirectory, openExisting, openMountPoint } from "../inside.ts";
import type { MountStep, RootStep, StepOf } from "../plan.ts";
import { PROC_SUPER_MAGIC } from "../procfs.ts";

/** How the container's mounts and the host's see each other, said for the whole tree. */
export function setPropagation(step: StepOf<"propagation">): void {
  mount(null, "/", null, step.flags);
}

/**
 * The container's root becomes a mount, as pivot_root(2) demands. Nobody but this mount namespace
 * ever sees it, so the kernel takes it away with the last process.
 */
export function mountRoot(context: InitContext, step: RootStep): void {
  if (step.overlay?.legacy !== undefined && step.tree === undefined) {
    const folder = openat(AT_FDCWD, step.path, O_PATH);
    context.root = legacyMount(step.overlay, folder, () => openat(AT_FDCWD, step.path, O_PATH));
    close(folder);
  } else {
    context.root = step.tree ??
      (step.overlay
        ? newMount(step.overlay)
        : cloneSource(context, step.path, { ...step, recursive: true }));
    if (step.attached) return;
    const folder = openRootFolder(step.path);
    move_mount(context.root, folder, step.path);
    close(folder);
  }
  for (const flags of step.overlay?.propagation ?? []) propagate(context.root, flags);
}

/**
 * The folder that the root covers. The root of a user namespace may not be allowed to look there, and a
 * joined mount namespace need not have it: "/" does as well then, for pivot_root(2) takes either.
 */
function openRootFolder(path: string): number {
  try {
    return openat(AT_FDCWD, path, O_PATH);
  } catch (error) {
    const fine = error instanceof SysError && (error.code === "EACCES" || error.code === "ENOENT");
    if (!fine) throw error;
    return openat(AT_FDCWD, "/", O_PATH);
  }
}

/** One mount of the container, in the order of the config. */
export function mountInside(context: InitContext, step: MountStep): void {
  if (step.kind === "remount") return remount(context, step);
  const tree = step.tree ??
    (step.kind === "bind" ? cloneSource(context, step.source, step) : undefined);
  const covers = (step.inheritMode || step.copyUp) && isThere(context.root, step.target);
  const target = openTarget(context, step, tree);
  const fd = tree ??
    newMount(
      covers ? step : bare(step),
      target,
      () => openInRoot(context.root, step.target, O_PATH),
      step.fstype === "proc" ? context.procs?.shift() : undefined,
    );
  if (tree !== undefined && (step.set | step.clear) !== 0) {
    mount_setattr(fd, { set: step.set, clear: step.clear });
  }
  if (step.recursiveSet | step.recursiveClear) {
    mount_setattr(fd, { set: step.recursiveSet, clear: step.recursiveClear }, true);
  }
  if (step.legacy === undefined || tree !== undefined) {
    move_mount(fd, target, JSON.stringify(step.target));
  }
  for (const flags of step.propagation) propagate(fd, flags);
  close(target);
  if (step.fstype === "proc" && step.target === "/proc") context.rootWithProc = context.root;
  // What lies on "/" is the root from now on.
  if (step.target === "/") context.root = fd;
  else closeMount(context, fd, step.tree);
}

/**
 * Opens what bind mounts are to show, while there is nothing of the container that could lead elsewhere. What
 * cannot be opened is an error when its turn comes.
 */
export function openSources(context: InitContext, step: StepOf<"open sources">): void {
  for (const path of step.paths) {
    const source = context.sources.get(path);
    if (source !== undefined) source.uses++;
    else context.sources.set(path, { opened: tryOpen(path), uses: 1 });
  }
}

function tryOpen(path: string): number | SysError {
  try {
    return openat(AT_FDCWD, path, O_PATH);
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}

/** A detached clone of what a bind mount shows, as the parent makes them too (lib/runtime/trees.ts). */
export function cloneSource(
  context: InitContext,
  path: string,
  { recursive, spread, idmap }: Pick<MountStep, "recursive" | "spread" | "idmap">,
): number {
  const source = context.sources.get(path)!;
  if (typeof source.opened !== "number") throw source.opened;
  const tree = open_tree_clone(source.opened, "", recursive);
  if (--source.uses === 0) close(source.opened);
  if (spread !== undefined) mount_setattr(tree, { propagation: spread }, true);
  if (idmap !== undefined) {
    mount_setattr(tree, { set: MOUNT_ATTR_IDMAP, userns: idmap.userns }, idmap.recursive);
  }
  return tree;
}

function isThere(root: number, path: string): boolean {
  const fd = openExisting(root, path);
  if (fd !== undefined) close(fd);
  return fd !== undefined;
}

/** A mount that covers nothing but a folder made for it takes nothing over. */
function bare(step: MountStep): MountStep {
  return step.inheritMode || step.copyUp ? { ...step, inheritMode: false, copyUp: false } : step;
}

/** Changes a mount that is there: its own attributes, and the options of its file system if any are given. */
function remount(context: InitContext, step: MountStep): void {
  const target = openInRoot(context.root, step.target, O_PATH);
  if (step.options.length > 0) {
    const superblock = fspick(target);
    for (const [key, value] of step.options) fsconfig_set(superblock, key, value);
    fsconfig_reconfigure(superblock);
    close(superblock);
  }
  if (step.set | step.clear) mount_setattr(target, { set: step.set, clear: step.clear });
  if (step.recursiveSet | step.recursiveClear) {
    mount_setattr(target, { set: step.recursiveSet, clear: step.recursiveClear }, true);
  }
  for (const flags of step.propagation) propagate(target, flags);
  close(target);
}

/**
 * The place of a mount. Nothing but a few known files may lie over /proc, and /proc and /sys
 * themselves must be folders of the image, not links: otherwise what is written there later would
 * go where the image likes (CVE-2019-16884, CVE-2023-27561).
 */
function openTarget(context: InitContext, step: MountStep, tree?: number): number {
  const { root } = context;
  const isProc = step.fstype === "proc" ||
    (tree !== undefined && fstatfsType(tree) === PROC_SUPER_MAGIC);
  const mayCover = isProc || ALLOWED_OVER_PROC.includes(step.target);
  const refusal = "nothing may be mounted over /proc";
  // Asked before as well, for nothing can be made there.
  if (!mayCover && step.target.startsWith("/proc/")) throw new InitError(refusal);
  const target = step.fstype === "proc" || step.fstype === "sysfs"
    ? openUnlinked(root, step.target)
    : openMountPoint(root, step.target, tree === undefined || isDirectory(tree));
  if (mayCover) return target;
  // Once there is a procfs, whatever lies in it or on top of it is of it.
  const hasProc = context.rootWithProc === root;
  if (fstatfsType(target) === PROC_SUPER_MAGIC || (!hasProc && isProcFolder(root, target))) {
    throw new InitError(refusal);
  }
  return target;
}

/** A folder that has its name itself, made if missing: what is looked at is what will be covered. */
function openUnlinked(root: number, path: string): number {
  const find = () => openExisting(root, path, O_NOFOLLOW);
  const make = () => {
    close(openDirectory(root, path));
    return find();
  };
  const there = find() ?? make();
  if (there !== undefined && isDirectory(there)) return there;
  if (there !== undefined) close(there);
  throw new InitError("the image has something else than a folder there");
}

/** Whether an open folder is the root's /proc, by whatever name it was found. */
function isProcFolder(root: number, target: number): boolean {
  const proc = openExisting(root, "proc");
  if (proc === undefined) return false;
  const [a, b] = [statx(proc), statx(target)];
  close(proc);
  return a.ino === b.ino && a.dev.major === b.dev.major && a.dev.minor === b.dev.minor;
}

/** Files of /proc that lxcfs and the like replace, as every runtime allows. */
const ALLOWED_OVER_PROC = [
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
  "/proc/loadavg",
  "/proc/slabinfo",
  "/proc/net/dev",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/sys/crypto/fips_enabled",
];

/**
 * A new file system: detached, or where only mount(2) can make it, on `target` already, whose mount
 * `mounted` finds. `context` is what fsopen(2) has given, where another process had to call it.
 */
export function newMount(
  step: MountStep,
  target?: number,
  mounted?: () => number,
  context?: number,
): number {
  if (step.legacy !== undefined && target !== undefined) {
    return legacyMount(step, target, mounted!);
  }
  const copies = step.copyUp && target !== undefined;
  // What is copied into it must get there first.
  const readOnly = copies ? step.set & MOUNT_ATTR_RDONLY : 0;
  const options = step.options.filter(([key]) => !(readOnly && key === "ro"));
  if (step.source) options.unshift(["source", step.source]);
  if (step.inheritMode && target !== undefined) {
    options.push(["mode", (statx(target).mode & 0o7777).toString(8)]);
  }
  reopen(step);
  const making = { pidns: step.pidns, context };
  const fd = makeFileSystem(step.fstype, options, step.set & ~readOnly, making);
  if (step.idmap !== undefined) {
    const { userns, recursive } = step.idmap;
    mount_setattr(fd, { set: MOUNT_ATTR_IDMAP, userns }, recursive);
  }
  if (copies) copyUp(target, fd, step);
  if (readOnly) mount_setattr(fd, { set: readOnly });
  return fd;
}

/** What lies at the place of a new file system gets into it. */
function copyUp(target: number, fd: number, step: MountStep): void {
  try {
    copyFolder(target, fd, step.inheritMode === true);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "ENOSPC")) throw error;
    throw new InitError("tmpcopyup: it is too small for what lies there", error.errno);
  }
}

/** The file system by mount(2), on the very file that is open: the host's /proc, still there, names it. */
function legacyMount(step: MountStep, target: number, mounted: () => number): number {
  const { flags, data } = step.legacy!;
  reopen(step);
  mount(step.source, `/proc/self/fd/${target}`, step.fstype, flags, data);
  return mounted();
}

/** An overlay takes folders of its own mount namespace only (clone_private_mount in fs/namespace.c). */
function reopen(step: MountStep): void {
  for (const { fd, path } of step.folders ?? []) {
    const own = openat(AT_FDCWD, path, O_PATH);
    dup3(own, fd);
    close(own);
  }
}

/** What a new file system may be made by, besides its options. */
interface Making {
  /** The pid namespace that a procfs is to show. */
  readonly pidns?: number;
  /** What fsopen(2) has given already; it is closed in the end. */
  readonly context?: number;
}

/** A detached mount of a new file system. `attributes` is MOUNT_ATTR_* bits. */
export function makeFileSystem(
  fstype: string,
  options: readonly (readonly [string, string?])[],
  attributes: number,
  { pidns, context = fsopen(fstype) }: Making = {},
): number {
  if (pidns !== undefined) fsconfig_set_fd(context, "pidns", pidns);
  for (const [key, value] of options) fsconfig_set(context, key, value);
  fsconfig_create(context);
  const fd = fsmount(context, attributes);
  close(context);
  return fd;
}

/** Says how a mount, and with MS_REC all below it, is to spread (mount_namespaces(7)). */
export function propagate(fd: number, flags: number): void {
  mount_setattr(fd, { propagation: flags & ~MS_REC }, (flags & MS_REC) !== 0);
}
