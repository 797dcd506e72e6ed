import { gzip } from "./compression/gzip.ts";
import type { HistoryEntry, ImageConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, Verifier } from "./digest.ts";
import { inOCI } from "./manifest_form.ts";
import { OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "./media_type.ts";
import { hostPlatform } from "./platform.ts";
import type { ImageStore } from "./store/store.ts";

/** A layer that is in the store. */
export interface MadeLayer {
  readonly descriptor: Descriptor;
  /** Of its archive, unpacked. */
  readonly diffId: Digest;
}

/** Puts the archive of a layer into the store, compressed. */
export async function addLayer(
  store: ImageStore,
  archive: Iterable<Uint8Array<ArrayBuffer>>,
): Promise<MadeLayer> {
  const verifier = new Verifier();
  const counted = function* () {
    for (const piece of archive) {
      verifier.update(piece);
      yield piece;
    }
  };
  const descriptor = await store.addBlob(OCI_LAYER_GZIP, gzip(counted()));
  return { descriptor, diffId: verifier.digest() };
}

type Target = Pick<ImageConfig, "architecture" | "os">;

/** What an image is made of besides its layers; it is for this machine's platform unless told. */
export type ConfigParts =
  & Omit<ImageConfig, "rootfs" | "history" | keyof Target>
  & Partial<Target>
  & {
    readonly history: readonly HistoryEntry[];
  };

/**
 * Puts an image's config and manifest into the store; its layers are there.
 *
 * @param layers the lowest first
 */
export async function addImage(
  store: ImageStore,
  layers: readonly MadeLayer[],
  parts: ConfigParts,
): Promise<Descriptor> {
  const { history, ...others } = parts;
  const { os, architecture, variant } = hostPlatform();
  const config: ImageConfig = {
    architecture,
    os,
    ...variant === undefined ? {} : { variant },
    ...others,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...history],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: await store.addBlob(OCI_CONFIG, json(config)),
    // Those below may be an image's of docker's form; umoci and podman take a manifest of one form alone.
    layers: layers.map(({ descriptor }) => ({
      ...descriptor,
      mediaType: inOCI(descriptor.mediaType),
    })),
  };
  return await store.addBlob(OCI_MANIFEST, json(manifest));
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
