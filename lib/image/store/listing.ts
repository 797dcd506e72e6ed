import { tryStatx } from "../../../ffi/file.ts";
import { ContainerError } from "../../errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { artifactTypeOf, isImageIndex, MANIFEST_LIMIT, parseManifest } from "../manifest.ts";
import { familiarReference } from "../reference.ts";
import { readBlob } from "./blobs.ts";
import { presentManifests, readImage, type StoredImage } from "./image.ts";
import { blobPath } from "./layout.ts";
import type { ReferenceEntry } from "./references.ts";
import type { ImageStore } from "./store.ts";

/** An image of the store as lists show it. */
export interface ListedImage {
  /** Its name in short; undefined for one that has lost it. */
  readonly name?: string;
  readonly entry: ReferenceEntry;
  /** Undefined when it is no image that can be run, or when there is something wrong with it. */
  readonly image?: Pick<StoredImage, "descriptor" | "manifest" | "config" | "id">;
  /** What it is where it is no image: the media type. */
  readonly artifactType?: string;
  /** What is wrong with it. */
  readonly fault?: string;
  /** Bytes of its blobs, as they were pulled. */
  readonly size: number;
  /** When it was run last, or else pulled; in ms since 1970. */
  readonly lastUsed?: number;
}

/** The images of a store, one for each platform that is there, in the order of their references. */
export async function listStoredImages(store: ImageStore): Promise<ListedImage[]> {
  const listed: ListedImage[] = [];
  for (const entry of store.references()) {
    const name = nameOf(entry);
    const what = name ?? entry.descriptor.digest;
    try {
      const manifests = await presentManifests(store, entry.descriptor, what);
      if (manifests.length === 0) {
        listed.push({ ...name && { name }, entry, fault: "its manifest is missing", size: 0 });
      }
      for (const manifest of manifests) listed.push(listedImage(store, entry, manifest, name));
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      listed.push({ ...name && { name }, entry, fault: error.message, size: 0 });
    }
  }
  return listed;
}

/** The short form of a name; as it is where that is no reference. */
export function nameOf({ name, reference }: ReferenceEntry): string | undefined {
  return reference === undefined ? name : familiarReference(reference);
}

function listedImage(
  store: ImageStore,
  entry: ReferenceEntry,
  manifest: Descriptor,
  name: string | undefined,
): ListedImage {
  const lastUsed = lastUse(store, manifest);
  const common = { ...name && { name }, entry, ...lastUsed && { lastUsed } };
  const what = name ?? manifest.digest;
  try {
    const artifact = artifactOf(store, manifest, what);
    if (artifact !== undefined) return { ...common, ...artifact };
    const image = readImage(store, manifest, what);
    return { ...common, image, size: sizeOfImage(image) };
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return { ...common, fault: error.message, size: manifest.size };
  }
}

/** Undefined for an image. */
function artifactOf(
  store: ImageStore,
  descriptor: Descriptor,
  what: string,
): Pick<ListedImage, "artifactType" | "size"> | undefined {
  const bytes = readBlob(store.root, descriptor, MANIFEST_LIMIT);
  const manifest = parseManifest(bytes, descriptor.mediaType, `manifest of ${what}`);
  if (isImageIndex(manifest)) return undefined;
  const artifactType = artifactTypeOf(manifest);
  if (artifactType === undefined) return undefined;
  return { artifactType, size: sizeOfImage({ descriptor, manifest }) };
}

/** Bytes of an image's blobs; one that is in it twice counts once. */
export function sizeOfImage(
  { descriptor, manifest }: Pick<StoredImage, "descriptor" | "manifest">,
): number {
  const blobs = [descriptor, manifest.config, ...manifest.layers];
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** When an image was run last, or else pulled: the time of its manifest, in ms since 1970. */
export function lastUse(store: ImageStore, { digest }: Descriptor): number | undefined {
  const status = tryStatx(store.root, blobPath(digest));
  return status === undefined ? undefined : Number(status.mtime / 1_000_000n);
}
