import { artifactTypeOf, isImageIndex, MANIFEST_LIMIT, parseManifest } from "../manifest.ts";
import { isManifest } from "../media_type.ts";
import { imageInWords, type StoredImage } from "../store/image.ts";
import { requireTarget } from "../store/resolve.ts";
import type { ImageStore } from "../store/store.ts";

/** A manifest of something else than an image (image-spec, manifest.md#guidelines-for-artifact-usage). */
export interface Artifact extends Pick<StoredImage, "reference" | "descriptor" | "manifest"> {
  /** What it is of: a media type. */
  readonly type: string;
}

/**
 * The artifact that a name leads to, which the store holds from now on; undefined where it leads to an image.
 *
 * @throws {ContainerError} NotFound, InvalidArchive
 */
export async function findArtifact(store: ImageStore, name: string): Promise<Artifact | undefined> {
  const { reference, descriptor } = await requireTarget(store, name);
  if (!isManifest(descriptor.mediaType) || !store.hasBlob(descriptor)) return undefined;
  const bytes = store.readBlob(descriptor, MANIFEST_LIMIT);
  const what = `manifest of ${imageInWords(name)}`;
  const manifest = parseManifest(bytes, descriptor.mediaType, what);
  if (isImageIndex(manifest)) return undefined;
  const type = artifactTypeOf(manifest);
  if (type === undefined) return undefined;
  return { ...reference && { reference }, descriptor, manifest, type };
}
