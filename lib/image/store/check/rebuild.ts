import { ContainerError } from "../../../errors.ts";
import type { Descriptor } from "../../descriptor.ts";
import type { Digest } from "../../digest.ts";
import {
  isImageIndex,
  MANIFEST_LIMIT,
  type ManifestDocument,
  parseManifest,
} from "../../manifest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../media_type.ts";
import { readBlob } from "../blobs.ts";
import { listBlobs } from "../inventory.ts";
import type { ReferenceEntry } from "../references.ts";
import type { ImageStore } from "../store.ts";

/** The images of a store whose references are lost, found by their content. They have no names. */
export function rebuildReferences(store: ImageStore): ReferenceEntry[] {
  const found = new Map<Digest, Descriptor>();
  const listed = new Set<Digest>();
  for (const { digest, size } of listBlobs(store.root, store.path)) {
    const document = tryDocument(store, digest, size);
    if (document === undefined) continue;
    const mediaType = document.mediaType ?? (isImageIndex(document) ? OCI_INDEX : OCI_MANIFEST);
    found.set(digest, { mediaType, digest, size });
    if (isImageIndex(document)) document.manifests.forEach(({ digest }) => listed.add(digest));
  }
  return [...found.values()].filter(({ digest }) => !listed.has(digest))
    .map((descriptor) => ({ descriptor }));
}

/** Blobs do not tell what they are: what reads as a manifest or index is one. */
function tryDocument(
  store: ImageStore,
  digest: Digest,
  size: number,
): ManifestDocument | undefined {
  if (size > MANIFEST_LIMIT) return undefined;
  for (const type of [undefined, OCI_MANIFEST, OCI_INDEX]) {
    try {
      return parseManifest(readBlob(store.root, { digest, size }, MANIFEST_LIMIT), type, digest);
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
    }
  }
  return undefined;
}
