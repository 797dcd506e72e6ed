import { ArchiveFault } from "../fault.ts";
import { type ByteString, quoteName } from "../tar/bytes.ts";
import { hostile } from "../tree/place.ts";

/**
 * What a member of a layer says about the layers below, instead of being a file
 * (image-spec, layer.md#whiteouts).
 */
export type Whiteout =
  /** What is there at a path is gone. */
  | { readonly kind: "hide"; readonly path: ByteString }
  /** What is there in a folder is gone. */
  | { readonly kind: "hide contents"; readonly path: ByteString }
  /** The bookkeeping of aufs, which docker once stored layers with: means nothing here. */
  | { readonly kind: "nothing" };

const PREFIX = ".wh.";
const AUFS_PREFIX = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Reads a member's name as a whiteout; undefined when it is none.
 *
 * @throws {ArchiveFault} when it is one that hides nothing that can be
 */
export function whiteoutOf(name: ByteString): Whiteout | undefined {
  if (!name.includes(PREFIX)) return undefined;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const last = parts.pop() ?? "";
  if (parts.some((part) => part.startsWith(AUFS_PREFIX))) return { kind: "nothing" };
  if (parts.some((part) => part.startsWith(PREFIX))) {
    throw new ArchiveFault(`is broken: ${quoteName(name)} lies in something that is gone`);
  }
  if (!last.startsWith(PREFIX)) return undefined;
  const folder = parts.join("/");
  if (last === OPAQUE) return { kind: "hide contents", path: folder };
  if (last.startsWith(AUFS_PREFIX)) return { kind: "nothing" };
  const hidden = last.slice(PREFIX.length);
  if (["", ".", ".."].includes(hidden)) throw hostile(name, "hides no file");
  return { kind: "hide", path: folder === "" ? hidden : `${folder}/${hidden}` };
}
