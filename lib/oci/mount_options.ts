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

// Every option of config.md, "Linux mount options", in tables of plain numbers: these are made at every start. All others
// are the file system's own.

/** MS_* bits of mount(2) to set; none for `defaults`. */
export const SET: Readonly<Record<string, number>> = {
  bind: MS_BIND,
  defaults: 0,
  dirsync: MS_DIRSYNC,
  iversion: MS_I_VERSION,
  lazytime: MS_LAZYTIME,
  mand: MS_MANDLOCK,
  noatime: MS_NOATIME,
  nodev: MS_NODEV,
  nodiratime: MS_NODIRATIME,
  noexec: MS_NOEXEC,
  nosuid: MS_NOSUID,
  nosymfollow: MS_NOSYMFOLLOW,
  rbind: MS_BIND | MS_REC,
  relatime: MS_RELATIME,
  remount: MS_REMOUNT,
  ro: MS_RDONLY,
  silent: MS_SILENT,
  strictatime: MS_STRICTATIME,
  sync: MS_SYNCHRONOUS,
};

/** MS_* bits of mount(2) to clear. */
export const CLEARED: Readonly<Record<string, number>> = {
  async: MS_SYNCHRONOUS,
  atime: MS_NOATIME,
  dev: MS_NODEV,
  diratime: MS_NODIRATIME,
  exec: MS_NOEXEC,
  loud: MS_SILENT,
  noiversion: MS_I_VERSION,
  nolazytime: MS_LAZYTIME,
  nomand: MS_MANDLOCK,
  norelatime: MS_RELATIME,
  nostrictatime: MS_STRICTATIME,
  rw: MS_RDONLY,
  suid: MS_NOSUID,
  symfollow: MS_NOSYMFOLLOW,
};

/** One of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC for the mounts below too. */
export const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  rshared: MS_SHARED | MS_REC,
  rslave: MS_SLAVE | MS_REC,
  runbindable: MS_UNBINDABLE | MS_REC,
  shared: MS_SHARED,
  slave: MS_SLAVE,
  unbindable: MS_UNBINDABLE,
};

/** A MOUNT_ATTR_* of mount_setattr(2) to set, for this mount and all below it. */
export const RECURSIVE: Readonly<Record<string, number>> = {
  rnoatime: MOUNT_ATTR_NOATIME,
  rnodev: MOUNT_ATTR_NODEV,
  rnodiratime: MOUNT_ATTR_NODIRATIME,
  rnoexec: MOUNT_ATTR_NOEXEC,
  rnosuid: MOUNT_ATTR_NOSUID,
  rnosymfollow: MOUNT_ATTR_NOSYMFOLLOW,
  rrelatime: MOUNT_ATTR_RELATIME,
  rro: MOUNT_ATTR_RDONLY,
  rstrictatime: MOUNT_ATTR_STRICTATIME,
};

/** A MOUNT_ATTR_* likewise, to clear. */
export const RECURSIVE_CLEARED: Readonly<Record<string, number>> = {
  ratime: MOUNT_ATTR_NOATIME,
  rdev: MOUNT_ATTR_NODEV,
  rdiratime: MOUNT_ATTR_NODIRATIME,
  rexec: MOUNT_ATTR_NOEXEC,
  rnorelatime: MOUNT_ATTR_RELATIME,
  rnostrictatime: MOUNT_ATTR_STRICTATIME,
  rrw: MOUNT_ATTR_RDONLY,
  rsuid: MOUNT_ATTR_NOSUID,
  rsymfollow: MOUNT_ATTR_NOSYMFOLLOW,
};

/** The mount shows its owners through a mapping; of this mount alone, or of all below it too. */
export const IDMAPS = ["idmap", "ridmap"] as const;
/** A new tmpfs begins with a copy of what the root file system has there. */
export const TMPCOPYUP = "tmpcopyup";

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
    } else if (!apply(name, result)) result.data.push(...separate(name));
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

/** False for an option that is the file system's own. */
function apply(name: string, result: MountOptions): boolean {
  const bitsIn = (table: Readonly<Record<string, number>>) =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  let bits: number | undefined;
  if ((bits = bitsIn(SET)) !== undefined) {
    // Of the three ways to keep access times a mount has one.
    if (bits & ATIME_FLAGS) result.flags &= ~ATIME_FLAGS;
    result.flags |= bits;
    result.clearedFlags &= ~bits;
  } else if ((bits = bitsIn(CLEARED)) !== undefined) {
    result.flags &= ~bits;
    result.clearedFlags |= bits;
  } else if ((bits = bitsIn(PROPAGATION)) !== undefined) {
    result.propagation.push(bits);
  } else if ((bits = bitsIn(RECURSIVE)) !== undefined) {
    result.recursiveSet = result.recursiveSet & ~fieldOf(bits) | bits;
    result.recursiveClear = isAtime(bits)
      ? result.recursiveClear | MOUNT_ATTR__ATIME
      : result.recursiveClear & ~bits;
  } else if ((bits = bitsIn(RECURSIVE_CLEARED)) !== undefined) {
    result.recursiveSet &= ~bits;
    result.recursiveClear |= fieldOf(bits);
  } else if (name === "idmap" || name === "ridmap") {
    result.idmap = name;
  } else if (name === TMPCOPYUP) {
    result.tmpcopyup = true;
  } else {
    return false;
  }
  return true;
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
