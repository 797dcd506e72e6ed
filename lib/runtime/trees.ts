import { AT_FDCWD, S_IFMT } from "../../ffi/constants.ts";
import { Fd, openat, statx } from "../../ffi/file.ts";
import {
  MNT_DETACH,
  mount_setattr,
  move_mount,
  open_tree_clone,
  umount2,
  UMOUNT_NOFOLLOW,
} from "../../ffi/mount.ts";
import {
  MOUNT_ATTR_IDMAP,
  MS_PRIVATE,
  MS_REC,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
} from "../../ffi/mount_flags.ts";
import { O_PATH } from "../../ffi/constants.ts";
import { ContainerError, SysError } from "../errors.ts";
import { newMount } from "../init/steps/mounts.ts";
import type { DeviceNode, MountStep } from "../init/plan.ts";
import { isBind, parseMountOptions } from "../oci/mount_options.ts";
import { ROOTFS_PROPAGATION } from "../oci/propagation.ts";
import type { Mount, Spec } from "../oci/spec.ts";
import { makeUserNamespace } from "./id_mappings.ts";
import { mountStep, type PreparedMount } from "./mount_step.ts";
import type { NamespaceChoice } from "./namespaces.ts";
import { type OverlayOptions, overlayOptions } from "./overlay_options.ts";
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
}

/** What {@link openTrees} goes by. */
export interface TreeOptions {
  /** Absolute. */
  readonly bundle: string;
  readonly namespaces: NamespaceChoice;
  /** The container's cgroup folders, by their hierarchies' mount points. */
  readonly cgroups: ReadonlyMap<string, string>;
  /** The nodes that the container gets. */
  readonly nodes: readonly DeviceNode[];
  /** What to close once the child has been made. */
  readonly acquired: DisposableStack;
  /** What to undo when the container cannot be made. */
  readonly undo: DisposableStack;
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
  // Mounts of a shared root stay peers of the host's; of any other they hear from it, but do not tell.
  const spread = propagation & MS_SHARED
    ? undefined
    : propagation & MS_PRIVATE && propagation & MS_REC
    ? MS_PRIVATE
    : MS_SLAVE;
  const byChild = spread !== undefined && namespaces.isNew("mount") && !namespaces.has("user");
  const clone = (path: string, recursive: boolean): number => {
    const fd = options.acquired.use(new Fd(open_tree_clone(AT_FDCWD, path, recursive))).number;
    if (spread !== undefined) mount_setattr(fd, { propagation: spread }, true);
    return fd;
  };
  const overlay = rootOverlay(mounts);
  const prepared = new Map<Mount, PreparedMount>();
  for (const mount of mounts) {
    prepared.set(mount, prepareMount(mount, spec, options, byChild ? spread : clone));
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
    devices: namespaces.has("user") ? openNodes(options.nodes, clone) : new Map(),
  };
}

/** The overlay that is the container's root, if the first mount is one. */
export function rootOverlay(mounts: readonly Mount[]): Mount | undefined {
  const [first] = mounts;
  return first?.destination === "/" && first.type === "overlay" ? first : undefined;
}

type CloneTree = (path: string, recursive: boolean) => number;

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
  if (overlay !== undefined && own && !namespaces.has("user")) return undefined;
  return named(`make the container's root of "${path}"`, () => {
    const root = overlay === undefined
      ? clone(path, true)
      : acquired.use(new Fd(newMount({ ...overlay, legacy: undefined }))).number;
    if (own) return root;
    // Nothing of it may spread: the mounts of the host beside it are the very ones that everybody sees.
    mount_setattr(root, { propagation: MS_PRIVATE }, true);
    using folder = new Fd(openat(AT_FDCWD, path, O_PATH));
    move_mount(root, folder.number, path);
    options.undo.defer(() => detachRoot(path));
    return root;
  });
}

/** @param how clones a tree right now, or is the propagation of the clone that the child makes. */
function prepareMount(
  mount: Mount,
  spec: Spec,
  { bundle, namespaces, acquired }: TreeOptions,
  how: CloneTree | number,
): PreparedMount {
  const options = parseMountOptions(mount.options);
  const bind = isBind(options) && (options.flags & MS_REMOUNT) === 0;
  const mapped = options.idmap !== undefined || mount.uidMappings !== undefined;
  const idmap = mapped
    ? { userns: mapping(mount, spec, namespaces, acquired), recursive: options.idmap === "ridmap" }
    : undefined;
  if (!bind) return { idmap, overlay: prepareOverlay(mount, options.data, acquired) };
  const source = resolve(bundle, mount.source ?? "");
  if (typeof how === "number") return { source, spread: how, idmap };
  return named(`bind "${mount.source}" on "${mount.destination}"`, () => {
    const tree = how(source, (options.flags & MS_REC) !== 0);
    if (idmap) {
      mount_setattr(tree, { set: MOUNT_ATTR_IDMAP, userns: idmap.userns }, idmap.recursive);
    }
    return { tree };
  });
}

function prepareOverlay(
  { type, destination }: Mount,
  data: readonly string[],
  acquired: DisposableStack,
): OverlayOptions | undefined {
  if (type !== "overlay") return undefined;
  return named(
    `mount an overlay on "${destination}"`,
    () =>
      overlayOptions(data, (path) => acquired.use(new Fd(openat(AT_FDCWD, path, O_PATH))).number),
  );
}

/** A user namespace with the mapping of a mount, else that of the container. */
function mapping(
  mount: Mount,
  spec: Spec,
  namespaces: NamespaceChoice,
  acquired: DisposableStack,
): number {
  const { uidMappings, gidMappings } = mount.uidMappings === undefined ? spec.linux! : mount;
  const joined = namespaces.join.find(({ type }) => type === "user");
  if (mount.uidMappings === undefined && joined !== undefined) return joined.fd;
  return acquired.use(makeUserNamespace(uidMappings ?? [], gidMappings ?? [])).number;
}

function openNodes(nodes: readonly DeviceNode[], clone: CloneTree): Map<string, number> {
  const S_IFIFO = 0o010000;
  const trees = new Map<string, number>();
  for (const { path, mode, major, minor } of nodes) {
    if ((mode & S_IFMT) === S_IFIFO) continue;
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

function named<T>(action: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw new ContainerError(`${action}: ${cause.message}`, {
      code: cause.code === "ENOSYS" ? "Unsupported" : "Failed",
      cause,
    });
  }
}
