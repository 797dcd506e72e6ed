import { ContainerError } from "../errors.ts";
import { parseJSON } from "../json.ts";
import { Place } from "../oci/validate/place.ts";
import { integer } from "../oci/validate/integers.ts";
import { object, required, requiredList, type Rule } from "../oci/validate/schema.ts";
import { quote } from "../quote.ts";
import { annotations, type Descriptor, descriptor, mediaType } from "./descriptor.ts";
import { isImageConfig, isIndex, isManifest, isSchema1 } from "./media_type.ts";

/** What an image consists of (image-spec, manifest.md; docker's schema 2 is the same). */
export interface ImageManifest {
  schemaVersion: 2;
  mediaType?: string;
  /** What it is a manifest of, where that is no image. */
  artifactType?: string;
  config: Descriptor;
  /** The lowest one first. */
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** Manifests of one image for several platforms (image-spec, image-index.md; docker's manifest list). */
export interface ImageIndex {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** The most bytes that a manifest or index may have; registries take no larger ones. */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

const schemaVersion: Rule<2> = (value, place) => integer(2, 2)(value, place) as 2;

const manifest = object<ImageManifest>(() => ({
  schemaVersion: required(schemaVersion),
  mediaType,
  artifactType: (value, place) => value === "" ? undefined : mediaType(value, place),
  config: required(descriptor),
  layers: requiredList(descriptor),
  subject: descriptor,
  annotations,
}));

const index = object<ImageIndex>(() => ({
  schemaVersion: required(schemaVersion),
  mediaType,
  artifactType: (value, place) => value === "" ? undefined : mediaType(value, place),
  manifests: requiredList(descriptor),
  subject: descriptor,
  annotations,
}));

/** A manifest or an index, told apart by {@link isImageIndex}. */
export type ManifestDocument = ImageManifest | ImageIndex;

/** Whether a document is an index. */
export function isImageIndex(document: ManifestDocument): document is ImageIndex {
  return "manifests" in document && document.manifests !== null;
}

/**
 * Reads a manifest or index. One document is never both: what the media type says, what the document
 * itself says and what it has in it must agree, or two programs would see two images in the same
 * bytes (CVE-2021-41190).
 *
 * @param type the media type that its descriptor or a registry gave; undefined where there is none,
 *   and the document's own counts
 * @param what what errors call it: `manifest of "alpine:3.20"`
 * @throws {ContainerError} InvalidArchive; Unsupported for manifests of docker before 1.10
 */
export function parseManifest(
  bytes: Uint8Array,
  type: string | undefined,
  what: string,
  maxBytes: number = MANIFEST_LIMIT,
): ManifestDocument {
  if (type !== undefined && isSchema1(type)) throw schema1(what);
  const value = parseJSON(bytes, { what, maxBytes, code: "InvalidArchive" });
  const place = new Place(what, "InvalidArchive");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    place.expected("an object", value);
  }
  const members = value as Record<string, unknown>;
  if (members.schemaVersion === 1) throw schema1(what);
  const own = members.mediaType ?? undefined;
  if (type !== undefined && own !== undefined && own !== type) {
    place.expected(`${quote(type)}, as which it was given`, own, "mediaType");
  }
  const declared: unknown = type ?? own;
  if (declared === undefined) return place.refuse("required but missing", "mediaType");
  if (typeof declared !== "string" || !(isIndex(declared) || isManifest(declared))) {
    return place.expected("the media type of a manifest or index", declared, "mediaType");
  }
  // Null says as much as nothing (image-spec, considerations.md).
  const has = (name: string) => (members[name] ?? undefined) !== undefined;
  if (isIndex(declared)) {
    for (const name of ["config", "layers"]) {
      if (has(name)) place.refuse("an index has none: this is two documents in one", name);
    }
    return index(value, place);
  }
  if (has("manifests")) {
    place.refuse("a manifest has none: this is two documents in one", "manifests");
  }
  return manifest(value, place);
}

/**
 * As {@link parseManifest}, for what has to be the manifest of an image that can be run.
 *
 * @throws {ContainerError} Unsupported also for artifacts: manifests of something else
 */
export function parseImageManifest(
  bytes: Uint8Array,
  type: string | undefined,
  what: string,
): ImageManifest {
  const document = parseManifest(bytes, type, what);
  if (isImageIndex(document)) {
    throw new ContainerError(`${what}: it is an index, not the manifest of one platform`, {
      code: "InvalidArchive",
    });
  }
  assertRunnable(document, what);
  return document;
}

/** What a manifest is of that is none of an image; undefined for one of an image. */
export function artifactTypeOf({ config, artifactType }: ImageManifest): string | undefined {
  return isImageConfig(config.mediaType) ? undefined : artifactType ?? config.mediaType;
}

/**
 * Makes sure that a manifest is one of an image, not of something else that registries keep.
 *
 * @throws {ContainerError} Unsupported
 */
function assertRunnable(manifest: ImageManifest, what: string): void {
  const kind = artifactTypeOf(manifest);
  if (kind === undefined) return;
  throw new ContainerError(`${what}: this is no image but an artifact of type ${quote(kind)}`, {
    code: "Unsupported",
    hint: "It can be pulled and pushed, but there is nothing in it to run",
  });
}

function schema1(what: string): ContainerError {
  return new ContainerError(`${what}: it is of the first schema, which docker gave up in 2016`, {
    code: "Unsupported",
    hint: "Have its owner push it again with a docker of today, or use another tag",
  });
}
