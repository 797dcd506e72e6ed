import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../../ffi/constants.ts";
import { Fd, mkdirat, openat } from "../../../ffi/file.ts";
import { fgetxattr } from "../../../ffi/xattr.ts";
import { ContainerError } from "../../errors.ts";
import { beginStep } from "../../trace.ts";
import { chainIds } from "../config.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, hashOf } from "../digest.ts";
import { extractionError } from "../extraction_error.ts";
import type { ImageManifest } from "../manifest.ts";
import { piecesOf } from "../pieces.ts";
import { PartialFolder, removePartials } from "../partial.ts";
import type { StoredImage } from "../store/image.ts";
import { layerPath, LAYERS } from "../store/layout.ts";
import type { ImageStore } from "../store/store.ts";
import type { ByteString } from "../tar/bytes.ts";
import { OPAQUE, writingCalls } from "../tree/writer.ts";
import { applyLayer } from "./apply.ts";
import { areWhole, DIFF, markFresh, removeStale } from "./fresh.ts";

/** The most layers that overlayfs lays over each other (OVL_MAX_STACK, fs/overlayfs/params.h). */
const LAYER_LIMIT = 500;

/** Who follows an extraction. */
export interface LayerProgress {
  /** So many bytes of a layer's blob have been worked off; all of them when it was there already. */
  extracted?(layer: Descriptor, bytes: number): void;
  /** Another process is at a layer; called once. */
  waiting?(layer: Descriptor): void;
}

/** An image whose layers are wanted. */
export type LayeredImage = Pick<StoredImage, "manifest" | "config">;

/**
 * The folders of an image's layers, the top one first, when all of them are there; an overlay of them is
 * the image's root file system. Undefined when some have to be extracted first.
 */
export function findLayers(
  store: ImageStore,
  { config }: Pick<LayeredImage, "config">,
): string[] | undefined {
  const chain = chainIds(config.rootfs.diff_ids);
  return areWhole(store, chain) ? foldersOf(store, chain) : undefined;
}

/**
 * Makes sure that an image has no more layers than can lie over each other, before the first of them is worked on.
 *
 * @throws {ContainerError} Unsupported
 */
export function assertLayerCount({ layers }: Pick<ImageManifest, "layers">): void {
  const beyond = layers[LAYER_LIMIT];
  if (beyond === undefined) return;
  throw new ContainerError(
    `extract layer ${beyond.digest}: the image has more than ${LAYER_LIMIT} layers`,
    { code: "Unsupported", hint: "overlayfs cannot lay more over each other" },
  );
}

/**
 * As {@link findLayers}, but extracts what is missing. The image's blobs have to be there.
 *
 * @throws {ContainerError} InvalidArchive, Unsupported; nothing of the layer that failed is left then
 */
export async function ensureLayers(
  store: ImageStore,
  image: LayeredImage,
  progress: LayerProgress = {},
): Promise<string[]> {
  assertLayerCount(image.manifest);
  for (const index of image.manifest.layers.keys()) {
    await ensureLayer(store, image, index, progress);
  }
  return foldersOf(store, chainIds(image.config.rootfs.diff_ids));
}

/**
 * Extracts one layer, the first being 0, where that is not done yet. Its blob and the layers below
 * have to be there; so layers can be extracted while the blobs of others are still received. There
 * are not to be too many of them ({@link assertLayerCount}).
 *
 * It happens under a temporary name; the folder gets its own when it is whole. Other processes that
 * want the same layer wait for it.
 *
 * @throws {ContainerError} InvalidArchive; nothing of the layer is left then
 */
export async function ensureLayer(
  store: ImageStore,
  { manifest, config }: LayeredImage,
  index: number,
  progress: LayerProgress = {},
): Promise<void> {
  const layer = manifest.layers[index]!;
  const diffIds = config.rootfs.diff_ids.slice(0, index + 1);
  const chain = chainIds(diffIds);
  const chainId = chain.at(-1)!;
  const isComplete = () => areWhole(store, [chainId]);
  if (!isComplete()) {
    using layers = openFolder(store.root, LAYERS);
    removePartials(`${store.path}/${LAYERS}`, layers.number);
    const waiting = () => progress.waiting?.(layer);
    const options = { waiting, isComplete };
    using partial = await PartialFolder.lock(layers.number, hashOf(chainId), options);
    if (partial !== undefined) {
      await extractInto(partial, store, { layer, chain, diffId: diffIds.at(-1)!, progress });
    }
  }
  progress.extracted?.(layer, layer.size);
}

/** What is extracted, and onto what. */
interface Task {
  readonly layer: Descriptor;
  readonly diffId: Digest;
  /** The ChainIDs up to the layer's own. */
  readonly chain: readonly Digest[];
  readonly progress: LayerProgress;
}

async function extractInto(partial: PartialFolder, store: ImageStore, task: Task): Promise<void> {
  const { layer, diffId, chain, progress } = task;
  let member: ByteString | undefined;
  try {
    const extracted = beginStep({
      label: `extract layer ${layer.digest}, once for all images that have it`,
      call: `${writingCalls(`${store.path}/${LAYERS}/${partial.name}/${DIFF}`)}; renameat2`,
      check: `ls -la "${store.path}/${layerPath(chain.at(-1)!)}/${DIFF}"`,
    });
    removeStale(store, chain.at(-1)!);
    partial.clear();
    mkdirat(partial.number, DIFF, 0o755);
    using opened = new DisposableStack();
    const into = opened.use(openFolder(partial.number, DIFF)).number;
    const below = chain.slice(0, -1).reverse().map((chainId) =>
      opened.use(openFolder(store.root, `${layerPath(chainId)}/${DIFF}`)).number
    );
    const blob = opened.use(store.openBlob(layer.digest)).number;
    await applyLayer(piecesOf(blob), {
      diffId,
      into,
      below,
      progress: (bytes) => progress.extracted?.(layer, bytes),
      member: (name) => member = name,
    });
    markFresh(partial.number);
    partial.complete();
    extracted();
  } catch (error) {
    partial.remove();
    throw extractionError(error, `extract layer ${layer.digest}`, { archive: "it", member });
  }
}

function openFolder(dirfd: number, path: string): Fd {
  return new Fd(openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

/** From the top one down to the lowest, or to one that hides all below. */
function foldersOf(store: ImageStore, chain: readonly Digest[]): string[] {
  const folders: string[] = [];
  for (const chainId of chain.toReversed()) {
    const path = `${layerPath(chainId)}/${DIFF}`;
    folders.push(`${store.path}/${path}`);
    // The kernel looks for the attribute everywhere but on the roots themselves.
    using root = openFolder(store.root, path);
    if (fgetxattr(root.number, OPAQUE) !== undefined) break;
  }
  return folders;
}
