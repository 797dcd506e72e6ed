import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { fchmodat, Fd, mkdirat, openat, replaceFile, tryStatx, writeFile } from "../../ffi/file.ts";
import { removeDefaultAcl } from "../../ffi/xattr.ts";
import { ContainerError, hintForWriting, reasonOf, SysError } from "../errors.ts";
import { removeTree } from "../file_tree.ts";
import type { Spec } from "../oci/spec.ts";
import { step } from "../trace.ts";

/**
 * A container's folder: `config.json`, the root's mount point `rootfs`, the overlay's `upper` (the
 * container's changes) and `work`, the files laid over those of the image, and its `volumes`.
 */
export class ContainerFolder {
  private constructor(readonly path: string) {}

  /**
   * Makes the folder of a new container inside the containers folder.
   *
   * @throws {ContainerError} when it cannot be made; nothing of it is left then.
   */
  static make(containersFolder: string, id: string): ContainerFolder {
    const path = `${containersFolder}/${id}`;
    step(
      () => ({
        label: "make the container's folder",
        call: `mkdir("${path}")`,
        check: `ls -l "${path}"`,
      }),
      () => makeFolder(path),
    );
    return new ContainerFolder(path);
  }

  /**
   * Writes the OCI description of the container.
   *
   * @throws {ContainerError}
   */
  writeConfig(spec: Spec): void {
    const file = `${this.path}/config.json`;
    step(
      () => ({
        label: "describe the container as OCI has it: what follows goes by that alone",
        call: `write("${file}")`,
        check: `cat "${file}"`,
      }),
      () => {
        const text = JSON.stringify(spec, null, 2) + "\n";
        making(this.path, () => replaceFile(file, text, 0o600));
      },
    );
  }

  /**
   * Writes a file that will be seen by everybody inside, and returns its path.
   *
   * @throws {ContainerError}
   */
  writeFile(name: string, content: string): string {
    const path = `${this.path}/${name}`;
    making(this.path, () => writeFile(path, content, 0o644));
    return path;
  }

  /**
   * Makes a folder that nobody but root can enter, and returns its path.
   *
   * @throws {ContainerError}
   */
  addFolder(name: string): string {
    const path = `${this.path}/${name}`;
    making(this.path, () => mkdirat(AT_FDCWD, path, 0o700));
    return path;
  }

  /** Removes it, as {@link removeContainerFolder} does. */
  remove(): void {
    step(
      () => ({
        label: "remove the container's folder",
        call: `unlinkat() of all that is in "${this.path}"`,
        check: `ls -d "${this.path}"   # gone`,
      }),
      () => removeContainerFolder(this.path),
    );
  }
}

function makeFolder(path: string): void {
  try {
    making(path, () => {
      mkdirat(AT_FDCWD, path, 0o700);
      // What is made in it would take over group and access control list of the folder above, up to "/" inside.
      fchmodat(AT_FDCWD, path, 0o700);
      removeDefaultAcl(path);
      // 0755: `upper` is what the container sees as "/".
      for (const name of ["rootfs", "upper", "work"]) mkdirat(AT_FDCWD, `${path}/${name}`, 0o755);
    });
  } catch (error) {
    removeContainerFolder(path);
    throw error;
  }
}

/** Does something for a container's folder, and tells what fails as the making of that. */
function making(path: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new ContainerError(
      `make the container's folder ${JSON.stringify(path)}: ${reasonOf(cause)}`,
      { hint: hintForFolder(cause), cause },
    );
  }
}

/** What to do where something of a container's folder cannot be made. */
export function hintForFolder(error: unknown): string {
  return hintForWriting(
    error,
    "Make room, or give a folder on another disk with -c",
    "Give a folder that can be written with -c",
  );
}

/**
 * Removes a container's folder with all that is in it, which a container may have made as deep as it likes; one
 * that is gone already is fine. Links in it are removed, not followed, whatever is exchanged for them meanwhile: each
 * folder is gone through by its descriptor.
 *
 * @throws {ContainerError} when something of it stays.
 */
export function removeContainerFolder(path: string): void {
  const slash = path.lastIndexOf("/");
  try {
    using above = new Fd(openat(AT_FDCWD, path.slice(0, slash + 1), O_PATH | O_DIRECTORY));
    const name = path.slice(slash + 1);
    // Where nothing can be written, that is all that unlinkat(2) tells.
    if (tryStatx(above.number, name, AT_SYMLINK_NOFOLLOW) === undefined) return;
    removeTree(above.number, name);
  } catch (cause) {
    if (cause instanceof SysError && cause.code === "ENOENT") return;
    throw new ContainerError(
      `remove the container's folder ${JSON.stringify(path)}: ${reasonOf(cause)}`,
      { hint: "What is left goes with gocontainer gc, once it can be removed", cause },
    );
  }
}
