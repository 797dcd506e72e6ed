import { counted } from "../../count.ts";
import { ContainerError } from "../../errors.ts";
import { warn } from "../../trace.ts";
import { CONFIG_LIMIT, parseConfig } from "../config.ts";
import { type Descriptor } from "../descriptor.ts";
import { algorithmOf, hashOf } from "../digest.ts";
import { ArchiveFault } from "../fault.ts";
import {
  type ImageIndex,
  type ImageManifest,
  isImageIndex,
  MANIFEST_LIMIT,
  type ManifestDocument,
  parseManifest,
} from "../manifest.ts";
import { isImageConfig, isIndex, isManifest, OCI_INDEX } from "../media_type.ts";
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

/** What a layout is loaded from and into, and what was loaded of it: the same may be listed any number of times. */
interface Loading {
  readonly store: ImageStore;
  readonly files: SavedFiles;
  readonly done: Map<string, Loaded>;
}

/** A manifest or index that was loaded. */
interface Loaded {
  /** False for what is neither, or of an index has nothing there. */
  readonly isThere: boolean;
  /** Where the config of a manifest is. */
  readonly config?: string;
}

const NOTHING: Loaded = { isThere: false };

/** Loads the images of an image layout; what else its index lists is left out. */
export async function loadLayout(store: ImageStore, files: SavedFiles): Promise<LoadedImage[]> {
  const index = readDocument(files, INDEX, OCI_INDEX) as ImageIndex;
  const images: LoadedImage[] = [];
  const names = namesByConfig(files);
  const loading = { store, files, done: new Map() };
  for (const listed of index.manifests) {
    const descriptor = withoutAnnotations(listed);
    const { isThere, config } = await putTree(loading, descriptor, DEPTH_LIMIT);
    if (!isThere) continue;
    const all = namesOf(listed, config === undefined ? undefined : names.get(config));
    if (all.length === 0) images.push({ descriptor });
    for (const reference of all) images.push({ reference, descriptor });
  }
  return images;
}

/** Puts a manifest or index into the store with all that it leads to. Of an index not all has to be there. */
async function putTree(loading: Loading, descriptor: Descriptor, depth: number): Promise<Loaded> {
  const { mediaType, digest, size } = descriptor;
  if (!isIndex(mediaType) && !isManifest(mediaType)) return NOTHING;
  if (depth === 0) throw new ArchiveFault("is hostile: its indexes lie within each other");
  const key = `${digest} ${size} ${mediaType}`;
  const loaded = loading.done.get(key) ?? await putNew(loading, descriptor, depth);
  loading.done.set(key, loaded);
  return loaded;
}

async function putNew(loading: Loading, descriptor: Descriptor, depth: number): Promise<Loaded> {
  const { store, files } = loading;
  const document = readDocument(files, pathOf(descriptor), descriptor.mediaType, descriptor);
  if (!isImageIndex(document)) {
    for (const blob of [document.config, ...document.layers]) await putBlob(store, files, blob);
    await putBlob(store, files, descriptor);
    tellUnusable(files, document);
    return { isThere: true, config: pathOf(document.config) };
  }
  let isThere = false;
  for (const child of document.manifests) {
    if (!files.has(pathOf(child))) continue;
    if ((await putTree(loading, child, depth - 1)).isThere) isThere = true;
  }
  if (isThere) await putBlob(store, files, descriptor);
  return { isThere };
}

/** What is wrong with a config keeps nobody from the image as it is, nor from others: it is told. */
function tellUnusable(files: SavedFiles, manifest: ImageManifest): void {
  const { mediaType, digest } = manifest.config;
  if (!isImageConfig(mediaType)) return;
  const bytes = files.read(pathOf(manifest.config), CONFIG_LIMIT);
  try {
    parseConfig(bytes, manifest, `config ${digest}`);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    warn(`an image is loaded that cannot be run: ${error.message}`);
  }
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
      `is broken: its ${JSON.stringify(path)} has ${
        counted(bytes.length, "byte")
      }, not ${expected.size}`,
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
  { annotations }: Descriptor,
  listedByDocker: readonly string[] | undefined,
): Reference[] {
  const whole = annotations?.[CONTAINERD_NAME];
  if (whole !== undefined) return referencesOf([whole]);
  if (listedByDocker !== undefined) return referencesOf(listedByDocker);
  const name = annotations?.[REF_NAME];
  return referencesOf(name === undefined ? [] : [name]);
}
