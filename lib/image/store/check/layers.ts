import { AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFMT } from "../../../../ffi/constants.ts";
import { renameat2, tryStatx } from "../../../../ffi/file.ts";
import { listLayers } from "../inventory.ts";
import { REMOVED } from "../layout.ts";
import { lockStore } from "../lock.ts";
import type { ImageStore } from "../store.ts";
import type { Fault } from "./fault.ts";

/**
 * Checks that each extracted layer has a root folder. An extraction gets its name when it is whole, so
 * one without was damaged later.
 *
 * @returns how many there are
 */
export function checkLayers(store: ImageStore, repair: boolean, faults: Fault[]): number {
  const layers = listLayers(store.path);
  for (const { path, name } of layers) {
    const root = tryStatx(store.root, `${path}/diff`, AT_SYMLINK_NOFOLLOW);
    if (root !== undefined && (root.mode & S_IFMT) === S_IFDIR) continue;
    if (tryStatx(store.root, path, AT_SYMLINK_NOFOLLOW) === undefined) continue;
    if (repair) {
      using _lock = lockStore(store.root, "exclusive");
      renameat2(store.root, path, store.root, `${REMOVED}/${crypto.randomUUID()}`);
    }
    faults.push({
      where: `layer ${name}`,
      what: "has lost its root folder",
      ...repair && { repair: "removed; it is extracted again when it is needed" },
    });
  }
  return layers.length;
}
