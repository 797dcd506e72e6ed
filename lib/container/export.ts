import { assertExtracted } from "../image/base.ts";
import { treeArchive } from "../image/tree/reader.ts";
import { openMergedRoot } from "./merged_root.ts";
import type { ContainerRoot } from "./saved_root.ts";

/**
 * A container's root file system as a tar archive: its image with its changes, without what is mounted
 * in it.
 *
 * @throws {ContainerError} NotFound where its image was removed
 */
export function* exportRoot(
  { upper, below, image }: Pick<ContainerRoot, "upper" | "below" | "image">,
): Generator<Uint8Array<ArrayBuffer>> {
  assertExtracted(below, image);
  using root = openMergedRoot([upper, ...below]);
  yield* treeArchive(root.number, { layer: false });
}
