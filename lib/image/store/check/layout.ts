import { renameat2, tryStatx } from "../../../../ffi/file.ts";
import { counted } from "../../../count.ts";
import { ContainerError } from "../../../errors.ts";
import { parseJSON } from "../../../json.ts";
import { INDEX, LAYOUT_VERSION, OCI_LAYOUT } from "../layout.ts";
import { lockStore } from "../lock.ts";
import { tryReadFile } from "../read_file.ts";
import { replaceFile, writeReferences } from "../references.ts";
import type { ImageStore } from "../store.ts";
import type { Fault } from "./fault.ts";
import { rebuildReferences } from "./rebuild.ts";

/** What `oci-layout` may have at most, in bytes. */
const LAYOUT_LIMIT = 4096;

/** Where a damaged `index.json` goes. */
const DAMAGED = `${INDEX}.damaged`;

/**
 * Checks the two files that make a folder an image layout.
 *
 * @returns whether the references can be read
 */
export function checkLayout(store: ImageStore, repair: boolean, faults: Fault[]): boolean {
  if (!isLayout(store)) {
    if (repair) replaceFile(store.root, OCI_LAYOUT, LAYOUT_VERSION);
    faults.push({
      where: OCI_LAYOUT,
      what: "does not say that this is an image layout of version 1.0.0",
      ...repair && { repair: "written anew" },
    });
  }
  try {
    store.references();
    return true;
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    const fault = { where: INDEX, what: `cannot be read: ${error.message}` };
    if (!repair) {
      faults.push(fault);
      return false;
    }
    faults.push({
      ...fault,
      repair: `${counted(rebuild(store), "image")} found, without their names`,
    });
    return true;
  }
}

function isLayout(store: ImageStore): boolean {
  try {
    const bytes = tryReadFile(store.root, OCI_LAYOUT, LAYOUT_LIMIT);
    if (bytes === undefined) return false;
    const value = parseJSON(bytes, { what: OCI_LAYOUT });
    return (value as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion === "1.0.0";
  } catch (error) {
    if (error instanceof ContainerError) return false;
    throw error;
  }
}

/** Keeps the damaged file, where there is one, for people to look at. */
function rebuild(store: ImageStore): number {
  const entries = rebuildReferences(store);
  using _lock = lockStore(store.root, "exclusive");
  if (tryStatx(store.root, INDEX) !== undefined) {
    renameat2(store.root, INDEX, store.root, DAMAGED);
  }
  writeReferences(store.root, entries);
  return entries.length;
}
