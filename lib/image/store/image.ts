import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { CONFIG_LIMIT, type ImageConfig, parseConfig } from "../config.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import {
  type ImageIndex,
  type ImageManifest,
  isImageIndex,
  MANIFEST_LIMIT,
  parseImageManifest,
  parseManifest,
} from "../manifest.ts";
import { isIndex } from "../media_type.ts";
import { manifestsOf, type Platform } from "../platform.ts";
import type { Reference } from "../reference.ts";
import { isThere, readBlob } from "./blobs.ts";
import type { ImageStore } from "./store.ts";

/** An image for one platform, as it is in the store. */
export interface StoredImage {
  /** The name that led to it, where one did. */
  readonly reference?: Reference;
  /** What the name leads to: its manifest, or an index that lists it. */
  readonly target: Descriptor;
  /** Of its manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** The digest of its config, by which docker and podman name images. */
  readonly id: Digest;
}

/**
 * Reads the image that a manifest describes. It may be removed meanwhile, unless the store holds it.
 *
 * @param what what errors call it: `image "alpine:3.20"`
 * @throws {ContainerError} NotFound, InvalidArchive, Unsupported
 */
export function readImage(
  store: ImageStore,
  descriptor: Descriptor,
  what: string,
): Pick<StoredImage, "descriptor" | "manifest" | "config" | "id"> {
  const bytes = readBlob(store.root, descriptor, MANIFEST_LIMIT);
  const manifest = parseImageManifest(bytes, descriptor.mediaType, `manifest of ${what}`);
  const configBytes = readBlob(store.root, manifest.config, CONFIG_LIMIT);
  const config = parseConfig(configBytes, manifest, `config of ${what}`);
  return { descriptor, manifest, config, id: manifest.config.digest };
}

/**
 * The manifests that a manifest or index leads to and that are there, for whatever platform: of an
 * image of many platforms mostly one alone is pulled.
 */
export async function presentManifests(
  store: ImageStore,
  target: Descriptor,
  what: string,
): Promise<Descriptor[]> {
  if (!isThere(store.root, target)) return [];
  if (!isIndex(target.mediaType)) return [target];
  const load = (descriptor: Descriptor) =>
    isThere(store.root, descriptor) ? readIndex(store, descriptor, what) : EMPTY_INDEX;
  const manifests = await manifestsOf(readIndex(store, target, what), load, what);
  return manifests.filter((descriptor) => isThere(store.root, descriptor));
}

/** As {@link presentManifests}; none for an image that is damaged, where others are looked at all the same. */
export async function manifestsOrNone(
  store: ImageStore,
  target: Descriptor,
): Promise<Descriptor[]> {
  try {
    return await presentManifests(store, target, "an image");
  } catch (error) {
    if (error instanceof ContainerError) return [];
    throw error;
  }
}

const EMPTY_INDEX: ImageIndex = { schemaVersion: 2, manifests: [] };

function readIndex(store: ImageStore, descriptor: Descriptor, what: string): ImageIndex {
  const bytes = readBlob(store.root, descriptor, MANIFEST_LIMIT);
  const document = parseManifest(bytes, descriptor.mediaType, `index of ${what}`);
  if (isImageIndex(document)) return document;
  throw new ContainerError(`index of ${what}: it is a manifest`, { code: "InvalidArchive" });
}

/** What an image's config says that it runs on. */
export function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...variant && { variant } };
}

/** An image in errors: `image "alpine:3.20"`. */
export function imageInWords(name: string): string {
  return `image ${quote(name)}`;
}
