import { ContainerError } from "../../../errors.ts";
import { chainIds } from "../../config.ts";
import type { Descriptor } from "../../descriptor.ts";
import { hashOf } from "../../digest.ts";
import { isImageIndex, MANIFEST_LIMIT, parseManifest } from "../../manifest.ts";
import { isImageConfig, isIndex, isManifest } from "../../media_type.ts";
import { isThere, readBlob } from "../blobs.ts";
import { imageInWords, presentManifests, readImage } from "../image.ts";
import { listLayers } from "../inventory.ts";
import { nameOf } from "../listing.ts";
import type { ReferenceEntry } from "../references.ts";
import type { ImageStore } from "../store.ts";
import type { Fault } from "./fault.ts";

/**
 * Checks that each reference leads to an image that has all it needs.
 *
 * @returns how many there are
 */
export async function checkImages(
  store: ImageStore,
  repair: boolean,
  faults: Fault[],
): Promise<number> {
  const entries = store.references();
  const broken: ReferenceEntry[] = [];
  for (const entry of entries) {
    const { lost, missing } = await look(store, entry);
    if (lost.length + missing.length === 0 || !isStill(store, entry)) continue;
    const where = imageInWords(nameOf(entry) ?? entry.descriptor.digest);
    if (lost.length > 0) broken.push(entry);
    for (const what of lost) {
      faults.push({ where, what, ...repair && { repair: "name removed; pull it again" } });
    }
    for (const what of missing) faults.push({ where, what });
  }
  if (repair && broken.length > 0) {
    store.changeReferences((now) =>
      now.filter((entry) => !broken.some((one) => isSame(one, entry)))
    );
  }
  return entries.length;
}

/** What an image lacks: so that it cannot be run, and so that it still can. */
interface Lacking {
  readonly lost: string[];
  readonly missing: string[];
}

async function look(store: ImageStore, { descriptor }: ReferenceEntry): Promise<Lacking> {
  const lacking: Lacking = { lost: [], missing: [] };
  if (!isManifest(descriptor.mediaType) && !isIndex(descriptor.mediaType)) {
    // A layout may list anything: that it is there is all that can be asked of it.
    if (!isThere(store.root, descriptor)) lacking.lost.push("has lost its content");
    return lacking;
  }
  try {
    const manifests = await presentManifests(store, descriptor, "it");
    if (manifests.length === 0) lacking.lost.push("has lost its manifest");
    for (const manifest of manifests) lookAt(store, manifest, lacking);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    lacking.lost.push(`is damaged: ${error.message}`);
  }
  return lacking;
}

function lookAt(store: ImageStore, descriptor: Descriptor, { lost, missing }: Lacking): void {
  const bytes = readBlob(store.root, descriptor, MANIFEST_LIMIT);
  const manifest = parseManifest(bytes, descriptor.mediaType, "manifest");
  if (isImageIndex(manifest)) return;
  const isImage = isImageConfig(manifest.config.mediaType);
  const chain = isImage ? chainIds(readImage(store, descriptor, "it").config.rootfs.diff_ids) : [];
  if (!isImage && !isThere(store.root, manifest.config)) {
    lost.push(`has lost ${manifest.config.digest}`);
  }
  const extracted = new Set(listLayers(store.path).map(({ name }) => name));
  manifest.layers.forEach((layer, index) => {
    if (isThere(store.root, layer)) return;
    const chainId = chain[index];
    if (chainId !== undefined && extracted.has(hashOf(chainId))) {
      missing.push(`runs, but cannot be saved or pushed: it has lost ${layer.digest}`);
    } else lost.push(`has lost ${layer.digest}`);
  });
}

function isStill(store: ImageStore, entry: ReferenceEntry): boolean {
  return store.references().some((one) => isSame(one, entry));
}

function isSame(a: ReferenceEntry, b: ReferenceEntry): boolean {
  return a.name === b.name && a.descriptor.digest === b.descriptor.digest;
}
