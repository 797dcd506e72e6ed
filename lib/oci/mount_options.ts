import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from "../../ffi/mount_flags.ts";

/** What one option asks for. */
export type MountOption =
  /** MS_* bits of mount(2) to set, or to clear; none of both for `defaults`. */
  | { readonly kind: "flag" | "clear"; readonly value: number }
  /** One of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC for the mounts below too. */
  | { readonly kind: "propagation"; readonly value: number }
  /** A MOUNT_ATTR_* of mount_setattr(2) for this mount and all below it, to set or to clear. */
  | { readonly kind: "recursiveFlag" | "recursiveClear"; readonly value: number }
  /** The mount shows its owners through a mapping; of this mount alone, or of all below it too. */
  | { readonly kind: "idmap"; readonly value: "idmap" | "ridmap" }
  /** A new tmpfs begins with a copy of what the root file system has there. */
  | { readonly kind: "tmpcopyup" };

const flag = (value: number): MountOption => ({ kind: "flag", value });
const clear = (value: number): MountOption => ({ kind: "clear", value });
const propagation = (value: number): MountOption => ({ kind: "propagation", value });
const recursive = (value: number): MountOption => ({ kind: "recursiveFlag", value });
const recursiveClear = (value: number): MountOption => ({ kind: "recursiveClear", value });

/** Every option of config.md, "Linux mount options". All others are the file system's own. */
export const MOUNT_OPTIONS: Readonly<Record<string, MountOption>> = {
  async: clear(MS_SYNCHRONOUS),
  atime: clear(MS_NOATIME),
  bind: flag(MS_BIND),
  defaults: flag(0),
  dev: clear(MS_NODEV),
  diratime: clear(MS_NODIRATIME),
  dirsync: flag(MS_DIRSYNC),
  exec: clear(MS_NOEXEC),
  idmap: { kind: "idmap", value: "idmap" },
  iversion: flag(MS_I_VERSION),
  lazytime: flag(MS_LAZYTIME),
  loud: clear(MS_SILENT),
  mand: flag(MS_MANDLOCK),
  noatime: flag(MS_NOATIME),
  nodev: flag(MS_NODEV),
  nodiratime: flag(MS_NODIRATIME),
  noexec: flag(MS_NOEXEC),
  noiversion: clear(MS_I_VERSION),
  nolazytime: clear(MS_LAZYTIME),
  nomand: clear(MS_MANDLOCK),
  norelatime: clear(MS_RELATIME),
  nostrictatime: clear(MS_STRICTATIME),
  nosuid: flag(MS_NOSUID),
  nosymfollow: flag(MS_NOSYMFOLLOW),
  private: propagation(MS_PRIVATE),
  ratime: recursiveClear(MOUNT_ATTR_NOATIME),
  rbind: flag(MS_BIND | MS_REC),
  rdev: recursiveClear(MOUNT_ATTR_NODEV),
  rdiratime: recursiveClear(MOUNT_ATTR_NODIRATIME),
  relatime: flag(MS_RELATIME),
  remount: flag(MS_REMOUNT),
  rexec: recursiveClear(MOUNT_ATTR_NOEXEC),
  ridmap: { kind: "idmap", value: "ridmap" },
  rnoatime: recursive(MOUNT_ATTR_NOATIME),
  rnodev: recursive(MOUNT_ATTR_NODEV),
  rnodiratime: recursive(MOUNT_ATTR_NODIRATIME),
  rnoexec: recursive(MOUNT_ATTR_NOEXEC),
  rnorelatime: recursiveClear(MOUNT_ATTR_RELATIME),
  rnostrictatime: recursiveClear(MOUNT_ATTR_STRICTATIME),
  rnosuid: recursive(MOUNT_ATTR_NOSUID),
  rnosymfollow: recursive(MOUNT_ATTR_NOSYMFOLLOW),
  ro: flag(MS_RDONLY),
  rprivate: propagation(MS_PRIVATE | MS_REC),
  rrelatime: recursive(MOUNT_ATTR_RELATIME),
  rro: recursive(MOUNT_ATTR_RDONLY),
  rrw: recursiveClear(MOUNT_ATTR_RDONLY),
  rshared: propagation(MS_SHARED | MS_REC),
  rslave: propagation(MS_SLAVE | MS_REC),
  rstrictatime: recursive(MOUNT_ATTR_STRICTATIME),
  rsuid: recursiveClear(MOUNT_ATTR_NOSUID),
  rsymfollow: recursiveClear(MOUNT_ATTR_NOSYMFOLLOW),
  runbindable: propagation(MS_UNBINDABLE | MS_REC),
  rw: clear(MS_RDONLY),
  shared: propagation(MS_SHARED),
  silent: flag(MS_SILENT),
  slave: propagation(MS_SLAVE),
  strictatime: flag(MS_STRICTATIME),
  suid: clear(MS_NOSUID),
  symfollow: clear(MS_NOSYMFOLLOW),
  sync: flag(MS_SYNCHRONOUS),
  tmpcopyup: { kind: "tmpcopyup" },
  unbindable: propagation(MS_UNBINDABLE),
};

/** What the options of one mount ask for together. Of contradicting options the last one counts. */
export interface MountOptions {
  /** MS_* bits to set, propagation never among them. */
  flags: number;
  /** MS_* bits that were asked to be off: what a mount that exists already must lose. */
  clearedFlags: number;
  /** In the order given, each one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, maybe with MS_REC. */
  propagation: number[];
  /** MOUNT_ATTR_* for mount_setattr(2) with AT_RECURSIVE. */
  recursiveSet: number;
  /** MOUNT_ATTR_* likewise; MOUNT_ATTR__ATIME is in it whenever the access time is touched. */
  recursiveClear: number;
  /** The file system's own options, to be joined by "," for mount(2) or given singly to fsconfig(2). */
  data: string[];
  /** That the mount is to be id-mapped: alone, or with all below it. */
  idmap?: "idmap" | "ridmap";
  /** The mapping of its own that follows after `idmap=` or `ridmap=`. */
  mapping?: string;
  /** That the tmpfs begins with a copy of what lies under it. */
  tmpcopyup: boolean;
}

/** Those of a mount are asked for by many: what was read of a list is kept with it. */
const known = new WeakMap<readonly string[], MountOptions>();
const NONE: readonly string[] = [];

/**
 * Reads the options of a mount, from left to right. One that is empty asks for nothing: podman writes it where there
 * is no SELinux label.
 */
export function parseMountOptions(
  options: readonly string[] = NONE,
): Readonly<MountOptions> {
  const there = known.get(options);
  if (there !== undefined) return there;
  const result = read(options);
  known.set(options, result);
  return result;
}

function read(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: 0,
    clearedFlags: 0,
    propagation: [],
    recursiveSet: 0,
    recursiveClear: 0,
    data: [],
    tmpcopyup: false,
  };
  for (const name of options) {
    if (name.startsWith("idmap=") || name.startsWith("ridmap=")) {
      const equals = name.indexOf("=");
      result.idmap = name.slice(0, equals) as "idmap" | "ridmap";
      result.mapping = name.slice(equals + 1);
    } else if (Object.hasOwn(MOUNT_OPTIONS, name)) apply(MOUNT_OPTIONS[name]!, result);
    else result.data.push(...separate(name));
  }
  return result;
}

/**
 * What is the file system's own may be joined by commas already, as all of it is for mount(2). A comma that belongs to
 * a value has a backslash before it, is in quotes, or begins no other option: `mpol=bind:0,2`.
 */
function separate(options: string): string[] {
  if (!options.includes(",")) return options === "" ? [] : [options];
  const borders = /("[^"]*"|\\.)|,(?=[a-z_][\w.+-]*(?:[=,]|$)|,|$)/gs;
  const texts: string[] = [];
  let start = 0;
  for (const { 0: { length }, 1: inside, index } of options.matchAll(borders)) {
    if (inside !== undefined) continue;
    texts.push(options.slice(start, index));
    start = index + length;
  }
  return [...texts, options.slice(start)].filter((text) => text !== "");
}

/** Whether the mount is a bind mount: it has `bind` or `rbind` (config.md, "Mounts"). */
export function isBind(options: Readonly<MountOptions>): boolean {
  return (options.flags & MS_BIND) !== 0;
}

const ATIME_FLAGS = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;

function apply(option: MountOption, result: MountOptions): void {
  switch (option.kind) {
    case "flag":
      // Of the three ways to keep access times a mount has one.
      if (option.value & ATIME_FLAGS) result.flags &= ~ATIME_FLAGS;
      result.flags |= option.value;
      result.clearedFlags &= ~option.value;
      break;
    case "clear":
      result.flags &= ~option.value;
      result.clearedFlags |= option.value;
      break;
    case "propagation":
      result.propagation.push(option.value);
      break;
    case "recursiveFlag":
      result.recursiveSet = result.recursiveSet & ~fieldOf(option.value) | option.value;
      result.recursiveClear = isAtime(option.value)
        ? result.recursiveClear | MOUNT_ATTR__ATIME
        : result.recursiveClear & ~option.value;
      break;
    case "recursiveClear":
      result.recursiveSet &= ~option.value;
      result.recursiveClear |= fieldOf(option.value);
      break;
    case "idmap":
      result.idmap = option.value;
      break;
    case "tmpcopyup":
      result.tmpcopyup = true;
  }
}

/** The access time is one field of two bits: mount_setattr(2) wants it cleared whole before it is set. */
function fieldOf(attribute: number): number {
  return isAtime(attribute) ? MOUNT_ATTR__ATIME : attribute;
}

function isAtime(attribute: number): boolean {
  return (attribute & ~MOUNT_ATTR__ATIME) === 0;
}

/** The MS_* bits that mount(2) and mount_setattr(2) both keep per mount, the access time left out. */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MS_RDONLY, MOUNT_ATTR_RDONLY],
  [MS_NOSUID, MOUNT_ATTR_NOSUID],
  [MS_NODEV, MOUNT_ATTR_NODEV],
  [MS_NOEXEC, MOUNT_ATTR_NOEXEC],
  [MS_NODIRATIME, MOUNT_ATTR_NODIRATIME],
  [MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW],
];

/** The MS_* bits of one mount as MOUNT_ATTR_*: what fsmount(2) takes for a new mount. */
export function mountAttributes(flags: number): number {
  let attributes = 0;
  for (const [flag, attribute] of ATTRIBUTES) if (flags & flag) attributes |= attribute;
  if (flags & MS_NOATIME) attributes |= MOUNT_ATTR_NOATIME;
  if (flags & MS_STRICTATIME) attributes |= MOUNT_ATTR_STRICTATIME;
  return attributes;
}

/**
 * What the options change about a mount that exists, as mount_setattr(2) takes it: for a bind mount,
 * which keeps whatever of its source the options do not mention.
 */
export function attributeChange(options: MountOptions): { set: number; clear: number } {
  const touchesAtime = (options.flags | options.clearedFlags) & ATIME_FLAGS;
  const clear = mountAttributes(options.clearedFlags & ~ATIME_FLAGS);
  return {
    set: mountAttributes(options.flags),
    clear: clear | (touchesAtime ? MOUNT_ATTR__ATIME : 0),
  };
}

/** The MS_* bits that belong to the file system, under the names that fsconfig(2) knows. */
const SUPERBLOCK_FLAGS: readonly (readonly [flag: number, name: string])[] = [
  [MS_RDONLY, "ro"],
  [MS_SYNCHRONOUS, "sync"],
  [MS_DIRSYNC, "dirsync"],
  [MS_LAZYTIME, "lazytime"],
  [MS_MANDLOCK, "mand"],
];

/**
 * The MS_* bits that belong to the file system, not to one mount of it, as flags for fsconfig(2)
 * FSCONFIG_SET_FLAG. MS_SILENT and MS_I_VERSION have no name there: only mount(2) takes them.
 */
export function superblockOptions(flags: number): string[] {
  return SUPERBLOCK_FLAGS.filter(([flag]) => flags & flag).map(([, name]) => name);
}
