import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { isImageName } from "../image/name.ts";
import { findRootfs } from "../image/rootfs.ts";
import { step } from "../trace.ts";
import type { ContainerFolder } from "./folder.ts";
import type { RunOptions } from "./options.ts";

/** What an image wants for its containers where the user says nothing else. */
export interface ImageDefaults {
  /** The command's first words, and those that follow where no command is given. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `KEY=VALUE`. */
  readonly env: readonly string[];
  /** Absolute. */
  readonly workingFolder: string;
  /** `USER[:GROUP]`; root where it is empty. */
  readonly user: string;
  /** For the container's config. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** An image that is ready to be below a container, and is kept so until it is disposed of. */
export interface ReadyImage extends Disposable {
  /** The overlay's lower layers, absolute, the topmost first. */
  readonly lowerdirs: readonly string[];
  readonly defaults: ImageDefaults;
  /** Notes for which container it is kept, for those who want to remove it. */
  keepFor(container: string): void;
  /** Opens the root that the layers make together, for looking up paths in it. */
  openRoot(): Fd;
  /**
   * Makes folders for the volumes that the image asks for, with what it has there.
   *
   * @param root what {@link openRoot} gave
   * @param taken paths in the container where the user wants something else
   * @returns [on the host, in the container]
   */
  makeVolumes(
    folder: ContainerFolder,
    root: number,
    taken: readonly string[],
  ): (readonly [string, string])[];
}

const NO_DEFAULTS: ImageDefaults = {
  entrypoint: [],
  command: [],
  env: [],
  workingFolder: "/",
  user: "",
  annotations: {},
};

/**
 * Makes an image ready: one of the images folder, or else the one in the binary, or else one of the
 * store, or else one that is pulled from a registry.
 *
 * What all but the first and second take is loaded only when it is called for.
 *
 * @throws {ContainerError}
 */
export async function obtainImage(options: RunOptions): Promise<ReadyImage> {
  const { image, imagesFolder, platform, pull } = options;
  const found = isImageName(image)
    ? step(
      { label: `look for the image "${image}"`, call: `open("${imagesFolder}"); getdents64` },
      () => findRootfs(imagesFolder, image),
    )
    : undefined;
  const suffices = platform === undefined && pull !== "always";
  if (found !== undefined && suffices) return plainImage(found.path);
  const { extractOrPull } = await import("./obtain_image.ts");
  return await extractOrPull(options);
}

/** An image that is nothing but a root file system. */
export function plainImage(path: string): ReadyImage {
  return {
    lowerdirs: [path],
    defaults: NO_DEFAULTS,
    keepFor() {},
    openRoot: () => new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY)),
    makeVolumes: () => [],
    [Symbol.dispose]() {},
  };
}
