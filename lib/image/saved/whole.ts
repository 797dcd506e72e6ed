import { type Descriptor } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import { isImageIndex, MANIFEST_LIMIT, parseManifest } from "../manifest.ts";
import { isIndex, isManifest } from "../media_type.ts";
import type { ImageStore } from "../store/store.ts";

/**
 * An index with all that it leads to and that is in the store: mostly not all of it was pulled. A manifest counts
 * where all its parts are there.
 *
 * @param what what errors call it
 * @throws {ContainerError} InvalidArchive
 */
export function presentBelow(
  store: ImageStore,
  top: Descriptor,
  what: string,
  seen = new Set<Digest>(),
): Descriptor[] {
  if (seen.has(top.digest) || !store.hasBlob(top)) return [];
  seen.add(top.digest);
  const document = parseManifest(store.readBlob(top, MANIFEST_LIMIT), top.mediaType, what);
  if (!isImageIndex(document)) {
    const parts = [document.config, ...document.layers];
    return parts.every((part) => store.hasBlob(part)) ? [top, ...parts] : [];
  }
  const below = document.manifests.filter(({ mediaType }) =>
    isIndex(mediaType) || isManifest(mediaType)
  );
  return [top, ...below.flatMap((one) => presentBelow(store, one, what, seen))];
}
