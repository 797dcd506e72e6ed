import { ContainerError } from "../../errors.ts";
import { chainIds, CONFIG_LIMIT, parseConfig } from "../config.ts";
import { type Digest, hashOf } from "../digest.ts";
import { isImageIndex, MANIFEST_LIMIT, parseManifest } from "../manifest.ts";
import { isImageConfig, isIndex, isManifest } from "../media_type.ts";
import { tryStatx } from "../../../ffi/file.ts";
import { blobPath } from "./layout.ts";
import type { Held } from "./lease.ts";
import { readBlob } from "./blobs.ts";

/** Content that something leads to. */
export interface Reach {
  /** Digests of blobs, there or not. */
  readonly blobs: Set<Digest>;
  /** Names of extracted layers, there or not. */
  readonly layers: Set<string>;
}

/**
 * What some manifests and indexes lead to, themselves included: other manifests, configs, layers, and
 * the layers as they are extracted.
 *
 * @param root the open store
 * @param damaged what to do about a manifest, index or config that is damaged, so that it cannot be known
 *   what it leads to: `refuse` where that must not be taken for what nobody needs
 * @throws {ContainerError} InvalidArchive
 */
export function reachOf(
  root: number,
  from: readonly Held[],
  damaged: "refuse" | "skip" = "refuse",
): Reach {
  const reach: Reach = { blobs: new Set(), layers: new Set() };
  const left = [...from];
  for (let held = left.pop(); held !== undefined; held = left.pop()) {
    if (reach.blobs.has(held.digest)) continue;
    reach.blobs.add(held.digest);
    try {
      left.push(...follow(root, held, reach));
    } catch (error) {
      if (damaged === "refuse" || !(error instanceof ContainerError)) throw error;
    }
  }
  return reach;
}

/** What one manifest or index names besides content that leads no further. */
function follow(root: number, { digest, mediaType }: Held, reach: Reach): readonly Held[] {
  if (!isIndex(mediaType) && !isManifest(mediaType)) return [];
  const document = tryParse(
    root,
    digest,
    MANIFEST_LIMIT,
    (bytes) => parseManifest(bytes, mediaType, "a manifest"),
  );
  if (document === undefined) return [];
  if (isImageIndex(document)) return document.manifests;
  const { config, layers } = document;
  for (const blob of [config, ...layers]) reach.blobs.add(blob.digest);
  if (!isImageConfig(config.mediaType)) return [];
  const image = tryParse(
    root,
    config.digest,
    CONFIG_LIMIT,
    (bytes) => parseConfig(bytes, document, "a config"),
  );
  for (const chainId of chainIds(image?.rootfs.diff_ids ?? [])) reach.layers.add(hashOf(chainId));
  return [];
}

/** What is not there leads nowhere, nor does what was made wrong: nothing comes of it either. */
function tryParse<T>(
  root: number,
  digest: Digest,
  limit: number,
  parse: (bytes: Uint8Array) => T,
): T | undefined {
  const size = tryStatx(root, blobPath(digest))?.size;
  if (size === undefined || size > limit) return undefined;
  const bytes = readBlob(root, { digest, size }, limit);
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}
