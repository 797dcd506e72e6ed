import { isIndex, isManifest } from "../../image/media_type.ts";
import { nameOf } from "../../image/store/listing.ts";
import type { Swept } from "../../image/store/sweep.ts";
import { printable } from "../../quote.ts";
import { print } from "../output.ts";

/** Prints what was removed, or would be: names, and the manifests of images of which nothing is left. */
export function tellSwept({ references, blobs }: Swept, dryRun = false): void {
  const [untagged, deleted] = dryRun ? ["Would untag", "Would delete"] : ["Untagged", "Deleted"];
  const gone = new Set(blobs.map(({ digest }) => digest));
  const last = new Map(references.map((entry) => [entry.descriptor.digest, entry]));
  for (const entry of references) {
    const { digest, mediaType } = entry.descriptor;
    const name = nameOf(entry);
    if (name !== undefined) print(`${untagged}: ${printable(name)}`);
    // Of several names the last one took the image along.
    if (last.get(digest) !== entry) continue;
    if (gone.has(digest) && (isManifest(mediaType) || isIndex(mediaType))) {
      print(`${deleted}: ${digest}`);
    }
  }
}
