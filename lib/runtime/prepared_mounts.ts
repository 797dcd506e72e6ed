import { AT_FDCWD, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { mount_setattr } from "../../ffi/mount.ts";
import { MOUNT_ATTR_IDMAP, MS_REC, MS_REMOUNT } from "../../ffi/mount_flags.ts";
import { ContainerError, SysError } from "../errors.ts";
import type { OverlayMapping } from "../init/mapped_overlay.ts";
import { isBind, parseMountOptions } from "../oci/mount_options.ts";
import type { Linux, Mount, Spec } from "../oci/spec.ts";
import { hostId, makeUserNamespace } from "./id_mappings.ts";
import { mountMappedOverlay } from "./mapped_overlay.ts";
import { mountStep, type PreparedMount } from "./mount_step.ts";
import type { NamespaceChoice } from "./namespaces.ts";
import { type OverlayOptions, overlayOptions } from "./overlay_options.ts";
import { resolve } from "@std/path/posix/resolve";

/** Makes a detached clone of what is mounted at a path; it stays open as long as it is needed. */
export type CloneTree = (path: string, recursive: boolean) => number;

/** What {@link prepareMount} goes by. */
export interface PreparationOptions {
  /** Absolute. */
  readonly bundle: string;
  readonly namespaces: NamespaceChoice;
  /** The pid namespace of the container, where it is mounted for by a process that stays outside. */
  readonly pidns?: number;
  /** What to close once the child has been made. */
  readonly acquired: DisposableStack;
}

/**
 * Does for a mount what the parent has to do.
 *
 * @param how clones a tree right now, or is the propagation of the clone that the child makes.
 */
export function prepareMount(
  mount: Mount,
  { bundle, acquired, pidns }: PreparationOptions,
  mappings: Mappings,
  how: CloneTree | number,
): PreparedMount {
  const options = parseMountOptions(mount.options);
  const bind = isBind(options) && (options.flags & MS_REMOUNT) === 0;
  const idmap = mappings.of(mount);
  if (!bind) {
    if (mount.type === "proc") return { idmap, pidns };
    if (idmap === undefined || mount.type !== "overlay") {
      return { idmap, overlay: prepareOverlay(mount, options.data, acquired) };
    }
    return {
      tree: acquired.use(mountMappedOverlay(mountStep(mount), mappings.ofOverlay(mount))).number,
    };
  }
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

/** The user namespaces whose mappings mounts show: one for each mapping, whatever the number of mounts. */
export class Mappings {
  readonly #linux: Linux;
  readonly #options: PreparationOptions;
  readonly #made = new Map<string, number>();

  constructor(spec: Spec, options: PreparationOptions) {
    this.#linux = spec.linux ?? {};
    this.#options = options;
  }

  /** That of a mount of its own mapping, or with `idmap` the container's; undefined for any other. */
  of(mount: Mount): PreparedMount["idmap"] {
    const { idmap } = parseMountOptions(mount.options);
    if (idmap === undefined && mount.uidMappings === undefined) return undefined;
    const { namespaces } = this.#options;
    const joined = namespaces.join.find(({ type }) => type === "user");
    const userns = mount.uidMappings === undefined
      ? joined?.fd ?? this.#namespaceOf(this.#linux)
      : this.#namespaceOf(mount);
    return { userns, recursive: idmap === "ridmap" };
  }

  /** The same for an overlay, with what it takes besides. */
  ofOverlay(mount: Mount): OverlayMapping {
    const { uidMappings, gidMappings } = mount.uidMappings === undefined ? this.#linux : mount;
    const [uid, gid] = [hostId(0, uidMappings), hostId(0, gidMappings)];
    if (uid !== undefined && gid !== undefined) {
      return { userns: this.of(mount)!.userns, root: { uid, gid } };
    }
    throw new ContainerError(
      `mount overlay on "${mount.destination}": no mapping of root for idmap`,
      {
        code: "InvalidSpec",
        hint: "Give the mount uidMappings and gidMappings that have container id 0",
      },
    );
  }

  #namespaceOf({ uidMappings = [], gidMappings = [] }: Mount | Linux): number {
    const key = JSON.stringify([uidMappings, gidMappings]);
    const made = this.#made.get(key) ??
      this.#options.acquired.use(makeUserNamespace(uidMappings, gidMappings)).number;
    this.#made.set(key, made);
    return made;
  }
}

/** Tells what a system call that fails was for. */
export function named<T>(action: string, body: () => T): T {
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
