import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { fsconfig_create, fsconfig_set, fsmount, fsopen } from "../../ffi/mount.ts";
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from "../../ffi/mount_flags.ts";
import { chdir, fchdir } from "../../ffi/process.ts";
import { ContainerError } from "../errors.ts";
import { LONGEST_VALUE } from "../runtime/overlay_options.ts";
import { isSince } from "../seccomp/kernel_release.ts";

/**
 * Opens the root that an image's layers make together, to look paths up in it as a container would. It
 * is an overlay that is mounted nowhere and goes with the descriptor; nothing can be written there, no
 * device opened.
 *
 * @param lowerdirs absolute, the topmost first; at least one
 * @param release of the kernel, as uname(2) has it
 * @throws {ContainerError} Unsupported for more layers than a kernel before 6.5 takes
 */
export function openMergedRoot(
  lowerdirs: readonly string[],
  release: string = Deno.osRelease(),
): Fd {
  using opened = new DisposableStack();
  const layers = lowerdirs.map((path) =>
    opened.use(new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY)))
  );
  if (layers.length === 1) return new Fd(layers[0]!.release());
  const context = opened.use(new Fd(fsopen("overlay")));
  if (isSince(release, "6.5")) {
    // By descriptor, for a path may be longer than a value.
    for (const { number } of layers) {
      fsconfig_set(context.number, "lowerdir+", `/proc/self/fd/${number}`);
    }
  } else opened.use(setAllLayers(context.number, layers.map(({ number }) => number)));
  fsconfig_create(context.number);
  return new Fd(fsmount(context.number, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID));
}

/**
 * All layers in one value, as short as they can be named: by their descriptors alone, in the folder where
 * those are.
 *
 * @returns what goes back to where the process was, once the overlay is made
 */
function setAllLayers(context: number, layers: readonly number[]): Disposable {
  const lowerdir = layers.join(":");
  if (lowerdir.length > LONGEST_VALUE) {
    throw new ContainerError(
      `look into an image of ${layers.length} layers: this kernel takes fewer`,
      { code: "Unsupported", hint: "Use Linux 6.5 or later" },
    );
  }
  using undo = new DisposableStack();
  const before = undo.use(new Fd(openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY)));
  chdir("/proc/self/fd");
  undo.defer(() => fchdir(before.number));
  fsconfig_set(context, "lowerdir", lowerdir);
  return undo.move();
}
