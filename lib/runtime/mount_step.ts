import {
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SYNCHRONOUS,
} from "../../ffi/mount_flags.ts";
import type { MountStep } from "../init/plan.ts";
import {
  attributeChange,
  isBind,
  mountAttributes,
  type MountOptions,
  parseMountOptions,
  superblockOptions,
} from "../oci/mount_options.ts";
import type { Mount } from "../oci/spec.ts";
import { keyAndValue, LONGEST_VALUE, type OverlayOptions } from "./overlay_options.ts";
import { resolve } from "@std/path/posix/resolve";

/** What the parent has made ready for a mount. */
export interface PreparedMount {
  /** The clone that a bind mount is. */
  readonly tree?: number;
  /** Where the child takes the clone from, absolute, and what it becomes to what is mounted there. */
  readonly source?: string;
  readonly spread?: number;
  /** The options of an overlay, where what the config has does not fit. */
  readonly overlay?: OverlayOptions;
  /** The user namespace whose mapping the mount has yet to show. */
  readonly idmap?: { readonly userns: number; readonly recursive: boolean };
  /** The pid namespace that a procfs is to show. */
  readonly pidns?: number;
}

/** A mount of the config as the child carries it out (config.md, "Mounts"). */
export function mountStep(mount: Mount, prepared: PreparedMount = {}, label?: string): MountStep {
  const options = parseMountOptions(mount.options);
  const target = resolve("/", mount.destination);
  const source = mount.source ?? mount.type ?? "none";
  const common = {
    do: "mount",
    target,
    source,
    fstype: "",
    recursive: (options.flags & MS_REC) !== 0,
    options: [],
    recursiveSet: options.recursiveSet,
    recursiveClear: options.recursiveClear,
    propagation: options.propagation,
    copyUp: false,
    ...(prepared.tree === undefined ? {} : { tree: prepared.tree }),
  } as const;
  if (options.flags & MS_REMOUNT) {
    return {
      ...common,
      ...attributeChange(options),
      kind: "remount",
      label: `change the mount on "${mount.destination}"`,
      options: isBind(options) ? [] : remountOptions(options),
    };
  }
  if (isBind(options)) {
    return {
      ...common,
      ...attributeChange(options),
      kind: "bind",
      label: `bind "${source}" on "${mount.destination}"`,
      source: prepared.source ?? source,
      spread: prepared.spread,
      ...(prepared.idmap ? { idmap: prepared.idmap } : {}),
    };
  }
  const { overlay } = prepared;
  const keys = [
    ...superblockOptions(options.flags).map((name) => [name] as const),
    ...(overlay?.options ?? options.data.map(keyAndValue)),
    ...securityContext(mount.type, label),
  ];
  return {
    ...common,
    kind: "new",
    label: `mount ${mount.type} on "${mount.destination}"`,
    fstype: mount.type ?? "",
    options: keys,
    set: mountAttributes(options.flags),
    clear: 0,
    copyUp: options.tmpcopyup,
    ...(prepared.idmap ? { idmap: prepared.idmap } : {}),
    ...(prepared.pidns === undefined ? {} : { pidns: prepared.pidns }),
    ...legacy(options, overlay),
    ...(overlay && overlay.folders.length > 0 ? { folders: overlay.folders } : {}),
    ...(mount.type === "tmpfs" && !keys.some(([key]) => key === "mode")
      ? { inheritMode: true }
      : {}),
  };
}

/** What only mount(2) takes. */
function legacy(options: MountOptions, overlay?: OverlayOptions): Pick<MountStep, "legacy"> {
  const isNeeded = overlay === undefined ? needsMount2(options) : overlay.data !== undefined;
  const data = overlay?.data ?? options.data.join();
  return isNeeded ? { legacy: { flags: options.flags, data } } : {};
}

/** Of `silent` nothing is to be seen: it only spares messages in the kernel's log. */
function needsMount2({ flags, data }: MountOptions): boolean {
  if (flags & MS_I_VERSION) return true;
  return data.some((option) => isTooLong(keyAndValue(option)[1] ?? ""));
}

function isTooLong(text: string): boolean {
  const MOST_BYTES = 3; // of UTF-8, for each unit of a string
  return text.length * MOST_BYTES > LONGEST_VALUE &&
    new TextEncoder().encode(text).length > LONGEST_VALUE;
}

/** The options of the file system that a change asks for, those that are switched off by their own names. */
function remountOptions(options: MountOptions): (readonly [string, string?])[] {
  const off: readonly (readonly [flag: number, name: string])[] = [
    [MS_RDONLY, "rw"],
    [MS_SYNCHRONOUS, "async"],
    [MS_LAZYTIME, "nolazytime"],
    [MS_MANDLOCK, "nomand"],
  ];
  return [
    ...superblockOptions(options.flags).map((name) => [name] as const),
    ...off.filter(([flag]) => options.clearedFlags & flag).map(([, name]) => [name] as const),
    ...options.data.map(keyAndValue),
  ];
}

/** The label of all files of a new mount (linux.mountLabel); those of the kernel itself have their own. */
function securityContext(
  type: string | undefined,
  label: string | undefined,
): (readonly [string, string?])[] {
  const own = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];
  if (label === undefined || own.includes(type ?? "")) return [];
  return [["context", label]];
}
