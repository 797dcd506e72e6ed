import { ContainerError } from "../errors.ts";
import { ensureLayers, findLayers } from "../image/layer/ensure.ts";
import { ProgressLine } from "../image/progress.ts";
import { imageInWords, type StoredImage } from "../image/store/image.ts";
import type { ImageStore } from "../image/store/store.ts";
import { step } from "../trace.ts";
import { baseAnnotations } from "./base_image.ts";
import type { ReadyImage } from "./image.ts";
import { defaultsOf, volumesOf } from "./image_defaults.ts";
import { openMergedRoot } from "./merged_root.ts";
import { makeVolumes } from "./volumes.ts";

/**
 * Makes an image of the store ready: extracts those of its layers that are not.
 *
 * @param store stays open as long as the image is in use, and is closed with it
 * @param name as the user gave it
 * @throws {ContainerError}
 */
export async function storedImage(
  store: ImageStore,
  image: StoredImage,
  name: string,
): Promise<ReadyImage> {
  const { config, manifest, descriptor } = image;
  if (config.os !== "linux") throw unusable(name, `it is for ${config.os}`);
  if (manifest.layers.length === 0) throw unusable(name, "it has no layers, so nothing to run");
  const lowerdirs = await extract(store, image, name);
  step(
    () => ({
      label: `take image "${name}" of the store, and keep it from being removed meanwhile`,
      call: `flock("${store.path}/leases/…", LOCK_EX)`,
      check: `cat "${store.path}"/leases/*`,
    }),
    () => store.touch(descriptor.digest),
  );
  const defaults = defaultsOf(config);
  return {
    lowerdirs,
    // No label may say that it is another image.
    defaults: { ...defaults, annotations: { ...defaults.annotations, ...baseAnnotations(image) } },
    keepFor: (container) => store.holdFor(container),
    openRoot: () => openMergedRoot(lowerdirs),
    makeVolumes: (folder, root, taken) =>
      makeVolumes(folder, root, volumesOf(config).filter((path) => !taken.includes(path))),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

/** Says how far it is where that takes long. */
async function extract(store: ImageStore, image: StoredImage, name: string): Promise<string[]> {
  const ready = findLayers(store, image);
  if (ready !== undefined) return ready;
  using progress = new ProgressLine(`extract ${imageInWords(name)}`);
  const total = image.manifest.layers.reduce((sum, { size }) => sum + size, 0);
  const done = new Map<string, number>();
  return await ensureLayers(store, image, {
    extracted({ digest }, bytes) {
      done.set(digest, bytes);
      progress.update([...done.values()].reduce((sum, bytes) => sum + bytes, 0) / total);
    },
    waiting: () => progress.say("another gocontainer is at it"),
  });
}

function unusable(name: string, reason: string): ContainerError {
  return new ContainerError(`run ${imageInWords(name)}: ${reason}`, { code: "Unsupported" });
}
