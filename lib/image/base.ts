import { AT_FDCWD } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import { warn } from "../trace.ts";
import { chainIds, type ImageConfig } from "./config.ts";
import { hashOf } from "./digest.ts";
import { DIFF } from "./layer/fresh.ts";
import type { MadeLayer } from "./make.ts";
import { familiarReference, parseReference } from "./reference.ts";
import { manifestsOrNone, readImage, type StoredImage } from "./store/image.ts";
import { blobPath, LAYERS } from "./store/layout.ts";
import type { Held } from "./store/lease.ts";
import type { ImageStore } from "./store/store.ts";

/** The image that a container was made from, as the container has it noted. */
export interface BaseImage {
  readonly manifest: Held;
  /** The reference that led to it, in full. */
  readonly name?: string;
}

/** What a store has of the image below a container. */
export interface StoredBase {
  /** The lowest first; undefined where some of them are not there as blobs. */
  readonly layers?: readonly MadeLayer[];
  /** Undefined where it is not known, and for a plain root file system, which has none. */
  readonly config?: ImageConfig;
}

type FoundImage = Pick<StoredImage, "manifest" | "config">;

/**
 * Finds what a store has of the image below a container. The layers may be those of any image with the
 * same ones, but the config is taken from that very image alone. Where it is not noted which one that
 * is, it counts if all images with these layers agree.
 *
 * @param folders the layers as they are extracted, the uppermost first
 */
export async function findBase(
  store: ImageStore,
  folders: readonly string[],
  image: BaseImage | undefined,
): Promise<StoredBase> {
  const top = chainOf(folders);
  if (top === undefined) return {};
  const isBelow = ({ config }: FoundImage) =>
    chainIds(config.rootfs.diff_ids).map(hashOf).at(-1) === top;
  const noted = image === undefined ? undefined : tryRead(store, image.manifest);
  if (noted !== undefined && isBelow(noted)) {
    return { ...layersOf(store, noted), config: noted.config };
  }
  const alike = (await allImages(store)).filter(isBelow);
  const layers = alike.map((one) => layersOf(store, one)).find(({ layers }) => layers) ?? {};
  const [first, ...others] = alike.map(({ config }) => config);
  const isSure = image === undefined && first !== undefined &&
    others.every(({ config }) => JSON.stringify(config) === JSON.stringify(first.config));
  if (isSure) return { ...layers, config: first };
  if (layers.layers === undefined) assertExtracted(folders, image);
  warn(
    `the config of ${nameOf(image)} is not known any more: the new image has the user, command, ` +
      "variables and working folder with which the container was run, but no entrypoint, volumes, " +
      "ports, labels or stop signal; -change gives them",
  );
  return layers;
}

/**
 * Makes sure that the layers below a container are there as they were extracted: nothing keeps them once
 * it has ended.
 *
 * @throws {ContainerError} NotFound
 */
export function assertExtracted(folders: readonly string[], image: BaseImage | undefined): void {
  const isThere = (path: string) => tryStatx(AT_FDCWD, path) !== undefined;
  const missing = folders.find((path) => !isThere(path));
  if (missing === undefined) return;
  throw new ContainerError(
    `read the root of the container: ${nameOf(image)} was removed, with its layer ${
      quote(missing)
    }`,
    { code: "NotFound", hint: wayBack(image) },
  );
}

function wayBack(image: BaseImage | undefined): string {
  if (image === undefined) return "To get it back, run the same image again";
  const loaded = "load and run the same image again";
  if (image.name === undefined) return `To get it back, ${loaded}`;
  const { registry, repository } = parseReference(image.name);
  const { digest } = image.manifest;
  const pinned = familiarReference({ registry, repository, digest });
  return `To get it back, gocontainer pull ${pinned}, or ${loaded}`;
}

function nameOf(image: BaseImage | undefined): string {
  if (image === undefined) return "the image below";
  const { name, manifest: { digest } } = image;
  return name === undefined
    ? `image ${digest}`
    : `image ${quote(familiarReference(parseReference(name)))} (${digest})`;
}

/** The hash of the ChainID of the uppermost layer; undefined for a plain root file system. */
function chainOf([top = ""]: readonly string[]): string | undefined {
  return new RegExp(`/${LAYERS}/([0-9a-f]+)/${DIFF}$`).exec(top)?.[1];
}

/** An image of the store, which is held; undefined when it is not there, or damaged. */
function tryRead(store: ImageStore, manifest: Held): FoundImage | undefined {
  store.hold(manifest);
  const size = tryStatx(store.root, blobPath(manifest.digest))?.size;
  if (size === undefined) return undefined;
  try {
    return readImage(store, { ...manifest, size }, "an image");
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

async function allImages(store: ImageStore): Promise<FoundImage[]> {
  const images: FoundImage[] = [];
  for (const { descriptor } of store.references()) {
    for (const manifest of await manifestsOrNone(store, descriptor)) {
      const image = tryRead(store, manifest);
      if (image !== undefined) images.push(image);
    }
  }
  return images;
}

function layersOf(
  store: ImageStore,
  { manifest, config }: FoundImage,
): Pick<StoredBase, "layers"> {
  if (!manifest.layers.every((layer) => store.hasBlob(layer))) return {};
  const diffIds = config.rootfs.diff_ids;
  return {
    layers: manifest.layers.map((descriptor, index) => ({ descriptor, diffId: diffIds[index]! })),
  };
}
