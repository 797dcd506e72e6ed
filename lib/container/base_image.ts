import type { BaseImage } from "../image/base.ts";
import { isDigest } from "../image/digest.ts";
import { formatReference } from "../image/reference.ts";
import type { StoredImage } from "../image/store/image.ts";
import type { Spec } from "../oci/spec.ts";

const NAME = "gocontainer.image.name";
const DIGEST = "gocontainer.image.digest";
const MEDIA_TYPE = "gocontainer.image.mediaType";

/** The annotations of a container's config that say of which image it is: its name and its manifest. */
export function baseAnnotations(
  { reference, descriptor: { digest, mediaType } }: Pick<StoredImage, "reference" | "descriptor">,
): Record<string, string> {
  return {
    ...reference && { [NAME]: formatReference(reference) },
    [DIGEST]: digest,
    [MEDIA_TYPE]: mediaType,
  };
}

/** The image that a container is of; undefined where that is not noted. */
export function baseImageOf({ annotations = {} }: Spec): BaseImage | undefined {
  const { [NAME]: name, [DIGEST]: digest, [MEDIA_TYPE]: mediaType } = annotations;
  if (digest === undefined || !isDigest(digest) || mediaType === undefined) return undefined;
  return { manifest: { digest, mediaType }, ...name !== undefined && { name } };
}
