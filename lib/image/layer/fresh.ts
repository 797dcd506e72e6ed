import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/constants.ts";
import { cstring, utf8 } from "../../../ffi/cstring.ts";
import { Fd, openat, renameat2, syncfs, tryStatx, unlinkat, writeAll } from "../../../ffi/file.ts";
import { SysError } from "../../errors.ts";
import { removeTree } from "../../file_tree.ts";
import { randomUUID } from "../../uuid.ts";
import type { Digest } from "../digest.ts";
import { layerPath, REMOVED } from "../store/layout.ts";
import { tryReadFile } from "../store/read_file.ts";
import type { ImageStore } from "../store/store.ts";

/** The folder of a layer's own files, in the layer's folder. */
export const DIFF = "diff";

/**
 * A file beside it, as long as nobody has waited for the layer to be on the disk: it tells the boot of
 * the machine in which it was extracted. After another one the layer may lack what the disk did not get
 * in time, and is extracted anew. To wait right away would take as long again as the extraction.
 */
const FRESH = "fresh";

/** When the kernel has written a layer by itself, so that it costs little to wait for it: in ms. */
const WRITTEN_BACK = 60_000;

/** Whether layers are there, and all of each. */
export function areWhole(store: ImageStore, chain: readonly Digest[]): boolean {
  const old: string[] = [];
  for (const chainId of chain) {
    const path = layerPath(chainId);
    if (tryStatx(store.root, `${path}/${DIFF}`, AT_SYMLINK_NOFOLLOW) === undefined) return false;
    const fresh = tryStatx(store.root, `${path}/${FRESH}`, AT_SYMLINK_NOFOLLOW);
    if (fresh === undefined) continue;
    const told = tryReadFile(store.root, `${path}/${FRESH}`, 1024);
    if (told !== undefined && utf8(told) !== bootId()) return false;
    if (Date.now() - Number(fresh.mtime / 1_000_000n) > WRITTEN_BACK) old.push(`${path}/${FRESH}`);
  }
  if (old.length > 0) settle(store.root, old);
  return true;
}

/** Notes in the folder of a layer that was just extracted that it need not be on the disk yet. */
export function markFresh(layer: number): void {
  using file = new Fd(openat(layer, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  writeAll(file.number, cstring(bootId()).subarray(0, -1));
}

/** Removes what there is of a layer that is not whole; the caller has it locked. */
export function removeStale(store: ImageStore, chainId: Digest): void {
  const path = layerPath(chainId);
  if (tryStatx(store.root, path, AT_SYMLINK_NOFOLLOW) === undefined) return;
  const removed = `${REMOVED}/${randomUUID()}`;
  renameat2(store.root, path, store.root, removed);
  removeTree(store.root, removed);
}

function settle(root: number, marks: readonly string[]): void {
  syncfs(root);
  for (const mark of marks) {
    try {
      unlinkat(root, mark);
    } catch (error) {
      // Another process did it, or the store can only be read.
      if (!(error instanceof SysError && ["ENOENT", "EROFS"].includes(error.code))) throw error;
    }
  }
}

let boot: string | undefined;

/** What tells this boot of the machine from all others (random(4)). */
function bootId(): string {
  return boot ??= Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}
