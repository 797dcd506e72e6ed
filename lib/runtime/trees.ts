import { AT_FDCWD, O_PATH, S_IFMT } from "../../ffi/constants.ts";
import { Fd, openat, statx } from "../../ffi/file.ts";
import {
  MNT_DETACH,
  mount_setattr,
  move_mount,
  open_tree_clone,
  umount2,
  UMOUNT_NOFOLLOW,
} from "../../ffi/mount.ts";
import { MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE } from "../../ffi/mount_flags.ts";
import { ContainerError, SysError } from "../errors.ts";
import { newMount } from "../init/steps/mounts.ts";
import type { DeviceNode, MountStep } from "../init/plan.ts";
import { parseMountOptions } from "../oci/mount_options.ts";
import { ROOTFS_PROPAGATION } from "../oci/propagation.ts";
import type { Mount, Spec } from "../oci/spec.ts";
import { isFifo } from "./devices.ts";
import { mountStep, type PreparedMount } from "./mount_step.ts";
import {
  type CloneTree,
  Mappings,
  named,
  type PreparationOptions,
  prepareMount,
} from "./prepared_mounts.ts";
import { resolve } from "@std/path/posix/resolve";

/**
 * What of the host goes into the container, as detached mounts that the parent opens: it may look
 * everywhere, which the root of a user namespace may not.
 *
 * Bind mounts are left to the child wherever it can make them as well. Each is then made when its turn
 * comes, and so stands in its place in /proc/self/mountinfo, which has mounts in the order of their making
 * since Linux 6.8.
 */
export interface Trees {
  /** The container's root, except an overlay that the child makes itself. */
  readonly root?: number;
  /** Whether the root has its place already: in the host's own mount namespace, where it is to be undone. */
  readonly attached: boolean;
  readonly mounts: ReadonlyMap<Mount, PreparedMount>;
  /** The container's own cgroup folders, by their hierarchies' mount points. */
  readonly cgroups: ReadonlyMap<string, number>;
  /** The host's device nodes, by their paths. */
  readonly devices: ReadonlyMap<string, number>;
  /** What the child takes itself where this process has no rights. */
  readonly byChild?: {
    /** What everything becomes to what is mounted at the same place of the host. */
    readonly spread: number;
    /** Cgroup folders to be shown, by their hierarchies' mount points. */
    readonly cgroups: ReadonlyMap<string, string>;
  };
}

/** What {@link openTrees} goes by. */
export interface TreeOptions extends PreparationOptions {
  /** The container's cgroup folders, by their hierarchies' mount points. */
  readonly cgroups: ReadonlyMap<string, string>;
  /** The nodes that the container gets. */
  readonly nodes: readonly DeviceNode[];
  /** Whether they are the host's own, for want of the right to make any. */
  readonly bindNodes: boolean;
  /** What to undo when the container cannot be made. */
  readonly undo: DisposableStack;
  /** Whether this process has no rights: the child takes everything, as root of its user namespace. */
  readonly byUser: boolean;
}

/**
 * Opens all that a config takes from the host.
 *
 * @throws {ContainerError} for what is not there.
 */
export function openTrees(spec: Spec, options: TreeOptions): Trees {
  const { namespaces } = options;
  const mounts = spec.mounts ?? [];
  const propagation = ROOTFS_PROPAGATION[spec.linux?.rootfsPropagation ?? "slave"];
  const spread = propagation & MS_PRIVATE && propagation & MS_REC ? MS_PRIVATE : MS_SLAVE;
  if (options.byUser) return treesOfUser(spec, options, spread);
  const byChild = namespaces.isNew("mount") && !namespaces.has("user");
  const peer = (path: string, recursive: boolean): number =>
    options.acquired.use(new Fd(open_tree_clone(AT_FDCWD, path, recursive))).number;
  // What is the host's own tells it nothing, be the root shared or not: what is mounted on it is the container's.
  const clone = (path: string, recursive: boolean): number => {
    const fd = peer(path, recursive);
    mount_setattr(fd, { propagation: spread }, true);
    return fd;
  };
  const overlay = rootOverlay(mounts);
  const mappings = new Mappings(spec, options);
  const prepared = new Map<Mount, PreparedMount>();
  const mayTellHost = (propagation & MS_SHARED) !== 0 && !namespaces.has("user");
  for (const mount of mounts) {
    const how = mayTellHost && asksToBeShared(mount) ? peer : byChild ? spread : clone;
    prepared.set(mount, prepareMount(mount, options, mappings, how));
  }
  const cgroups = new Map<string, number>();
  if (!namespaces.has("cgroup") && mounts.some(({ type }) => type === "cgroup")) {
    for (const [mountpoint, folder] of options.cgroups) {
      cgroups.set(mountpoint, clone(folder, false));
    }
  }
  return {
    root: openRoot(spec, overlay && mountStep(overlay, prepared.get(overlay)), options, clone),
    attached: !namespaces.has("mount"),
    mounts: prepared,
    cgroups,
    devices: options.bindNodes ? openNodes(options.nodes, clone) : new Map(),
  };
}

/**
 * Whether what is mounted below it in the container is to be seen on the host as well: engines ask for that with
 * `shared` twice, of the mount and of the root.
 */
function asksToBeShared({ options }: Mount): boolean {
  return parseMountOptions(options).propagation.some((flags) => (flags & MS_SHARED) !== 0);
}

/** Nothing is opened here. What is mounted beneath can only be heard of: that is how a user namespace has it. */
function treesOfUser(spec: Spec, options: TreeOptions, spread: number): Trees {
  const mounts = spec.mounts ?? [];
  const mappings = new Mappings(spec, options);
  const takesCgroups = !options.namespaces.has("cgroup") &&
    mounts.some(({ type }) => type === "cgroup");
  return {
    attached: false,
    mounts: new Map(
      mounts.map((mount) => [mount, prepareMount(mount, options, mappings, spread)] as const),
    ),
    cgroups: new Map(),
    devices: new Map(),
    byChild: { spread, cgroups: takesCgroups ? options.cgroups : new Map() },
  };
}

/** The overlay that is the container's root, if the first mount is one. */
export function rootOverlay(mounts: readonly Mount[]): Mount | undefined {
  const [first] = mounts;
  return first?.destination === "/" && first.type === "overlay" ? first : undefined;
}

/** Taken away with all below it: what {@link openTrees} attached in the host's own mount namespace. */
export function detachRoot(path: string): void {
  try {
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
  } catch (error) {
    const gone = error instanceof SysError && (error.code === "EINVAL" || error.code === "ENOENT");
    if (!gone) throw error;
  }
}

function openRoot(
  spec: Spec,
  overlay: MountStep | undefined,
  options: TreeOptions,
  clone: CloneTree,
): number | undefined {
  const { namespaces, bundle, acquired } = options;
  const path = resolve(bundle, spec.root.path);
  const own = namespaces.has("mount");
  if (overlay !== undefined && own && !namespaces.has("user")) return overlay.tree;
  return named(`make the container's root of "${path}"`, () => {
    const root = overlay === undefined
      ? clone(path, true)
      : overlay.tree ?? acquired.use(new Fd(newMount({ ...overlay, legacy: undefined }))).number;
    if (own) return root;
    // Nothing of it may spread: the mounts of the host beside it are the very ones that everybody sees.
    mount_setattr(root, { propagation: MS_PRIVATE }, true);
    using folder = new Fd(openat(AT_FDCWD, path, O_PATH));
    move_mount(root, folder.number, path);
    options.undo.defer(() => detachRoot(path));
    return root;
  });
}

function openNodes(nodes: readonly DeviceNode[], clone: CloneTree): Map<string, number> {
  const trees = new Map<string, number>();
  for (const node of nodes) {
    const { path, mode, major, minor } = node;
    if (isFifo(node)) continue;
    const tree = named(`bind the host's device "${path}"`, () => clone(path, false));
    const { mode: there, rdev } = statx(tree);
    const same = (there & S_IFMT) === (mode & S_IFMT) && rdev.major === major &&
      rdev.minor === minor;
    if (!same) {
      throw new ContainerError(
        `bind the host's device "${path}": it is another one than linux.devices says`,
        {
          code: "InvalidSpec",
          hint: "In a user namespace devices are those that the host has at the same path",
        },
      );
    }
    trees.set(path, tree);
  }
  return trees;
}
