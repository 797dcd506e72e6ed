import { type Descriptor } from "../descriptor.ts";
import { algorithmOf, hashOf } from "../digest.ts";
import { ArchiveFault } from "../fault.ts";
import {
  type ImageIndex,
  isImageIndex,
  MANIFEST_LIMIT,
  type ManifestDocument,
  parseManifest,
} from "../manifest.ts";
import { isIndex, isManifest, OCI_INDEX } from "../media_type.ts";
import type { Reference } from "../reference.ts";
import { BLOBS, INDEX, REF_NAME } from "../store/layout.ts";
import type { ImageStore } from "../store/store.ts";
import { namesByConfig } from "./docker.ts";
import type { SavedFiles } from "./files.ts";
import type { LoadedImage } from "./load.ts";
import { referencesOf } from "./names.ts";

/** The annotation in which containerd and docker keep the whole name, and the other one only the tag. */
export const CONTAINERD_NAME = "io.containerd.image.name";

/** How many indexes may lie within each other. */
const DEPTH_LIMIT = 4;

/** Loads the images of an image layout; what else its index lists is left out. */
export async function loadLayout(store: ImageStore, files: SavedFiles): Promise<LoadedImage[]> {
  const index = readDocument(files, INDEX, OCI_INDEX) as ImageIndex;
  const images: LoadedImage[] = [];
  const names = namesByConfig(files);
  for (const listed of index.manifests) {
    const descriptor = withoutAnnotations(listed);
    if (!await putTree(store, files, descriptor, DEPTH_LIMIT)) continue;
    const all = namesOf(listed, files, names);
    if (all.length === 0) images.push({ descriptor });
    for (const reference of all) images.push({ reference, descriptor });
  }
  return images;
}

/**
 * Puts a manifest or index into the store with all that it leads to. Of an index not all has to be there.
 *
 * @returns false for what is neither, or of an index has nothing there
 */
async function putTree(
  store: ImageStore,
  files: SavedFiles,
  descriptor: Descriptor,
  depth: number,
): Promise<boolean> {
  const { mediaType } = descriptor;
  if (!isIndex(mediaType) && !isManifest(mediaType)) return false;
  if (depth === 0) throw new ArchiveFault("is hostile: its indexes lie within each other");
  const path = pathOf(descriptor);
  const document = readDocument(files, path, mediaType, descriptor);
  let has = false;
  if (isImageIndex(document)) {
    for (const child of document.manifests) {
      if (!files.has(pathOf(child))) continue;
      if (await putTree(store, files, child, depth - 1)) has = true;
    }
  } else {
    for (const blob of [document.config, ...document.layers]) await putBlob(store, files, blob);
    has = true;
  }
  if (has) await putBlob(store, files, descriptor);
  return has;
}

async function putBlob(
  store: ImageStore,
  files: SavedFiles,
  descriptor: Descriptor,
): Promise<void> {
  if (store.hasBlob(descriptor)) return;
  await files.put(pathOf(descriptor), store, descriptor.mediaType, descriptor);
}

function readDocument(
  files: SavedFiles,
  path: string,
  mediaType: string,
  expected?: Descriptor,
): ManifestDocument {
  const bytes = files.read(path, MANIFEST_LIMIT);
  if (expected !== undefined && bytes.length !== expected.size) {
    throw new ArchiveFault(
      `is broken: its ${JSON.stringify(path)} has ${bytes.length} bytes, not ${expected.size}`,
    );
  }
  return parseManifest(bytes, mediaType, path);
}

/** Where a blob is in a layout. */
export function pathOf({ digest }: Pick<Descriptor, "digest">): string {
  return `${BLOBS}/${algorithmOf(digest)}/${hashOf(digest)}`;
}

function withoutAnnotations({ annotations: _, ...descriptor }: Descriptor): Descriptor {
  return descriptor;
}

/**
 * The names of an image: the whole one where there is one, or else those that docker's own list has for
 * it, or else what the layout itself says.
 */
function namesOf(
  descriptor: Descriptor,
  files: SavedFiles,
  byConfig: ReadonlyMap<string, readonly string[]>,
): Reference[] {
  const whole = descriptor.annotations?.[CONTAINERD_NAME];
  if (whole !== undefined) return referencesOf([whole]);
  const config = isManifest(descriptor.mediaType)
    ? readDocument(files, pathOf(descriptor), descriptor.mediaType)
    : undefined;
  const listed = config === undefined || isImageIndex(config)
    ? undefined
    : byConfig.get(pathOf(config.config));
  if (listed !== undefined) return referencesOf(listed);
  const name = descriptor.annotations?.[REF_NAME];
  return referencesOf(name === undefined ? [] : [name]);
}
