import { ArchiveFault } from "../fault.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Reference } from "../reference.ts";
import type { ImageStore } from "../store/store.ts";
import { loadDocker } from "./docker.ts";
import type { SavedFiles } from "./files.ts";
import { loadLayout } from "./layout.ts";

/** An image that was loaded. */
export interface LoadedImage {
  /** Undefined when it was saved without a name. */
  readonly reference?: Reference;
  /** Of its manifest or index. */
  readonly descriptor: Descriptor;
}

/**
 * Puts images that were saved into the store, by the names that they were saved with: those of an OCI
 * image layout (image-spec, image-layout.md), or of `docker save`. Where files are both, the layout
 * counts, and the names are taken from both.
 *
 * @throws {ArchiveFault} when they are broken
 * @throws {ContainerError} InvalidArchive when a document is
 */
export async function loadImages(store: ImageStore, files: SavedFiles): Promise<LoadedImage[]> {
  const images = await loadAll(store, files);
  if (images.length === 0) throw new ArchiveFault("has no image in it");
  store.addReferences(images);
  return images;
}

async function loadAll(store: ImageStore, files: SavedFiles): Promise<LoadedImage[]> {
  if (files.has("oci-layout") && files.has("index.json")) return await loadLayout(store, files);
  if (files.has("manifest.json")) return await loadDocker(store, files);
  if (files.has("repositories")) {
    throw new ArchiveFault("was saved by a docker before 1.10", {
      hint: "Save it again with a newer one",
    });
  }
  throw new ArchiveFault("holds no image", {
    hint: "A root file system becomes an image by gocontainer import",
  });
}
