import type { Descriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import {
  artifactTypeOf,
  type ImageIndex,
  type ImageManifest,
  isImageIndex,
  parseManifest,
} from "./manifest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  isIndex,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "./media_type.ts";

/** The two forms of a manifest and of what it names, which differ in the names of the types. */
export type Form = "OCI" | "docker";

/** A manifest or index as it is sent. */
export interface FormedDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What is called so in OCI's form and so in docker's; what one of them has no name for is not there. */
const NAMES: readonly (readonly [oci: string, docker: string])[] = [
  [OCI_INDEX, DOCKER_INDEX],
  [OCI_MANIFEST, DOCKER_MANIFEST],
  [OCI_CONFIG, DOCKER_CONFIG],
  [OCI_LAYER, DOCKER_LAYER],
  [OCI_LAYER_GZIP, DOCKER_LAYER_GZIP],
  [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
  ],
  [
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  ],
];

/** What a type is called in OCI's form; the same where that has no name for it. */
export function inOCI(mediaType: string): string {
  return NAMES.find(([, docker]) => docker === mediaType)?.[0] ?? mediaType;
}

/** Which form a manifest or index is of. */
export function formOf({ mediaType }: Pick<Descriptor, "mediaType">): Form {
  return mediaType === DOCKER_MANIFEST || mediaType === DOCKER_INDEX ? "docker" : "OCI";
}

/**
 * The same documents in another form. Configs and layers are the same bytes in both; manifests and indexes are
 * others, and so are their digests. What docker's form has no room for is left out: annotations, and the subject.
 *
 * @param documents what an index lists before the index
 * @returns what the form has no name for, in words, where there is such a thing
 */
export function inForm(
  form: Form,
  documents: readonly FormedDocument[],
): { documents: FormedDocument[] } | { lacks: string } {
  const names = new Map(NAMES.flatMap(([oci, docker]) => {
    const name = form === "OCI" ? oci : docker;
    return [[oci, name], [docker, name]];
  }));
  const formed = new Map<string, Descriptor>();
  const all: FormedDocument[] = [];
  for (const { descriptor, bytes } of documents) {
    const document = parseManifest(bytes, descriptor.mediaType, "manifest");
    const lacks = isImageIndex(document)
      ? lackingIndex(form, document)
      : lackingManifest(document, names);
    if (lacks !== undefined) return { lacks };
    const mediaType = names.get(descriptor.mediaType)!;
    const changed = isImageIndex(document)
      ? { manifests: document.manifests.map((one) => listed(one, formed)) }
      : {
        config: named(document.config, names),
        layers: document.layers.map((one) => named(one, names)),
      };
    const text = JSON.stringify({ schemaVersion: 2, mediaType, ...changed });
    const isSame = mediaType === descriptor.mediaType && !isImageIndex(document);
    const written = isSame ? bytes : new TextEncoder().encode(text);
    const now = { mediaType, digest: digestOf(written), size: written.length };
    formed.set(descriptor.digest, now);
    all.push({ descriptor: now, bytes: written });
  }
  return { documents: all };
}

function lackingManifest(
  manifest: ImageManifest,
  names: ReadonlyMap<string, string>,
): string | undefined {
  if (artifactTypeOf(manifest) !== undefined) return "artifacts";
  const types = manifest.layers.map(({ mediaType }) => mediaType);
  if (types.includes(OCI_LAYER_ZSTD)) return "layers that are compressed by zstd";
  const strange = types.find((type) => !names.has(type));
  return strange === undefined ? undefined : `layers of the type ${strange}`;
}

function lackingIndex(form: Form, { manifests }: ImageIndex): string | undefined {
  if (form === "OCI") return undefined;
  if (manifests.some(({ mediaType }) => isIndex(mediaType))) return "indexes within each other";
  return manifests.every(({ platform }) => platform !== undefined)
    ? undefined
    : "manifests in an index that do not say what they run on";
}

function named(one: Descriptor, names: ReadonlyMap<string, string>) {
  const { mediaType, size, digest, urls } = one;
  return { mediaType: names.get(mediaType) ?? mediaType, size, digest, ...urls && { urls } };
}

function listed(one: Descriptor, formed: ReadonlyMap<string, Descriptor>) {
  const { mediaType, size, digest } = formed.get(one.digest) ?? one;
  return { mediaType, size, digest, ...one.platform && { platform: one.platform } };
}
