import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT } from "../../ffi/constants.ts";
import { Fd, mkdirat, openat, statx, tryOpenInRoot } from "../../ffi/file.ts";
import { ContainerError, hintOf, reasonOf } from "../errors.ts";
import { surviveFileSizeLimit } from "../file_size_limit.ts";
import { copyFolder } from "../init/copy_up.ts";
import { quote } from "../quote.ts";
import { type ContainerFolder, hintForFolder } from "./folder.ts";

/**
 * Makes a folder of the host for each volume of an image, so that what is written there does not go
 * into the container's own root (image-spec, conversion.md). It begins with what the image has there.
 *
 * The paths are the image's: they are looked up inside its root, and what is found is copied without
 * following anything (CVE-2022-23648).
 *
 * @param root descriptor of the image's root
 * @param paths in the container, absolute and clean
 * @returns [on the host, in the container]
 * @throws {ContainerError}
 */
export function makeVolumes(
  folder: ContainerFolder,
  root: number,
  paths: readonly string[],
): (readonly [string, string])[] {
  if (paths.length === 0) return [];
  using _ = surviveFileSizeLimit();
  const volumes = folder.addFolder("volumes");
  return paths.map((path, index) => {
    const volume = `${volumes}/${index}`;
    try {
      mkdirat(AT_FDCWD, volume, 0o755);
      using there = open(root, path);
      using target = new Fd(openat(AT_FDCWD, volume, O_PATH | O_DIRECTORY));
      if (there !== undefined) copyFolder(there.number, target.number, true);
    } catch (error) {
      throw new ContainerError(`make the image's volume ${quote(path)}: ${reasonOf(error)}`, {
        hint: hintOf(error) ??
          (error instanceof ContainerError ? undefined : hintForFolder(error)),
        cause: error,
      });
    }
    return [volume, path];
  });
}

/** The folder that the image has there; undefined where it has nothing. */
function open(root: number, path: string): Fd | undefined {
  const fd = tryOpenInRoot(root, path, O_PATH);
  if (fd === undefined) return undefined;
  const there = new Fd(fd);
  if ((statx(there.number).mode & S_IFMT) === S_IFDIR) return there;
  there[Symbol.dispose]();
  throw new ContainerError("the image has something there that is no folder", {
    hint: `Give what is to be there: -v SOURCE:${path}`,
  });
}
