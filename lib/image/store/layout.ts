/**
 * Where things are in the store, a hidden folder of the images folder which is an OCI image layout
 * (image-spec, image-layout.md) and more:
 *
 * ```text
 * oci-layout, index.json   references: one descriptor for each
 * blobs/ALGORITHM/HASH     content by its digest, whole and verified
 * partial/ALGORITHM-HASH   content that is being received, or was; locked (flock(2)) by who writes it
 * layers/HASH/             extracted layers, by ChainID; locked, shared, by who uses it
 * leases/NAME              digests that a process works with; locked by it
 * removed/NAME             what is being removed
 * lock                     held, for a moment, by who looks for what is needed or removes what is not
 * ```
 *
 * The kernel takes all locks back when a process dies.
 */

import { algorithmOf, type Digest, hashOf } from "../digest.ts";

/** The store's folder in the images folder. */
export const STORE = ".store";

export const BLOBS = "blobs";
export const PARTIAL = "partial";
export const LAYERS = "layers";
export const LEASES = "leases";
export const REMOVED = "removed";
export const LOCK = "lock";
export const INDEX = "index.json";
export const OCI_LAYOUT = "oci-layout";

/** What the file `oci-layout` says. */
export const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}';

/** The annotation that a reference is in. */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** Where a blob is, relative to the store. */
export function blobPath(digest: Digest): string {
  return `${BLOBS}/${algorithmOf(digest)}/${hashOf(digest)}`;
}

/** Where a blob is until it is whole. */
export function partialPath(digest: Digest): string {
  return `${PARTIAL}/${algorithmOf(digest)}-${hashOf(digest)}`;
}

/** Where the extracted layer of a ChainID is. */
export function layerPath(chainId: Digest): string {
  return `${LAYERS}/${hashOf(chainId)}`;
}
