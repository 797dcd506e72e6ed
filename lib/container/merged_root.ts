import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { fsconfig_create, fsconfig_set, fsmount, fsopen } from "../../ffi/mount.ts";
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from "../../ffi/mount_flags.ts";
import { ContainerError, SysError } from "../errors.ts";

/**
 * Opens the root that an image's layers make together, to look paths up in it as a container would. It
 * is an overlay that is mounted nowhere and goes with the descriptor; nothing can be written there, no
 * device opened.
 *
 * @param lowerdirs absolute, the topmost first; at least one
 */
export function openMergedRoot(lowerdirs: readonly string[]): Fd {
  using opened = new DisposableStack();
  const layers = lowerdirs.map((path) =>
    opened.use(new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY)))
  );
  if (layers.length === 1) return new Fd(layers[0]!.release());
  const context = opened.use(new Fd(fsopen("overlay")));
  // An option has at most 255 bytes, which a path may exceed.
  setLayers(context.number, layers.map(({ number }) => `/proc/self/fd/${number}`));
  fsconfig_create(context.number);
  return new Fd(fsmount(context.number, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID));
}

/** One by one, which Linux knows how to since 6.5, or else all in one option. */
function setLayers(context: number, paths: readonly string[]): void {
  try {
    for (const path of paths) fsconfig_set(context, "lowerdir+", path);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "EINVAL")) throw error;
    const all = paths.join(":");
    if (all.length > 255) {
      throw new ContainerError(
        `look into an image of ${paths.length} layers: too many for this kernel`,
        {
          code: "Unsupported",
          hint: "Use Linux 6.5 or later",
          cause: error,
        },
      );
    }
    fsconfig_set(context, "lowerdir", all);
  }
}
