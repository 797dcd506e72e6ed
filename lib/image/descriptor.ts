import type { Place } from "../oci/validate/place.ts";
import { integer } from "../oci/validate/integers.ts";
import { listOf, mapOf, object, required, type Rule } from "../oci/validate/schema.ts";
import { anyText, matching } from "../oci/validate/texts.ts";
import { type Digest, isDigest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** What some content is, without the content (image-spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  /** Where else it may be had. */
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself, base64. Whoever uses it verifies it first. */
  data?: string;
  artifactType?: string;
  /** What it runs on, in an index. */
  platform?: Platform;
}

/** RFC 6838, section 4.2. */
export const mediaType: Rule<string> = matching(
  /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
  'a media type such as "application/json"',
);

/** A digest of any algorithm, well formed. */
export function digest(value: unknown, place: Place): Digest {
  if (typeof value !== "string" || !isDigest(value)) place.expected("a digest", value);
  return value;
}

/**
 * A platform; one that does not say what it is for is none. Indexes that list something else than
 * images have such.
 */
function platform(value: unknown, place: Place): Platform | undefined {
  const { os, architecture } = partialPlatform(value, place);
  return os && architecture ? value as Platform : undefined;
}

const partialPlatform = object<Partial<Platform>>(() => ({
  architecture: anyText,
  os: anyText,
  variant: anyText,
  "os.version": anyText,
  "os.features": listOf(anyText),
}));

/** Strings by names. */
export const annotations: Rule<Record<string, string>> = mapOf(anyText);

/** A descriptor, whatever it is of. */
export const descriptor: Rule<Descriptor> = object<Descriptor>(() => ({
  mediaType: required(mediaType),
  digest: required(digest),
  size: required(integer(0, Number.MAX_SAFE_INTEGER, "a size in bytes")),
  urls: listOf(anyText),
  annotations,
  data: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "base64"),
  artifactType: (value, place) => value === "" ? undefined : mediaType(value, place),
  platform,
}));
