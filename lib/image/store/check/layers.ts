import {
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from "../../../../ffi/constants.ts";
import { Fd, mkdirat, openat, renameat2, tryStatx } from "../../../../ffi/file.ts";
import { ContainerError } from "../../../errors.ts";
import { randomUUID } from "../../../uuid.ts";
import { chainIds } from "../../config.ts";
import { type Digest, hashOf } from "../../digest.ts";
import { extractionError } from "../../extraction_error.ts";
import { ArchiveFault, NoRoom } from "../../fault.ts";
import { applyLayer } from "../../layer/apply.ts";
import { DIFF } from "../../layer/fresh.ts";
import { PartialFolder } from "../../partial.ts";
import { piecesOf } from "../../pieces.ts";
import { quoteName } from "../../tar/bytes.ts";
import { firstDifference } from "../../tree/compare.ts";
import { isThere } from "../blobs.ts";
import { presentManifests, readImage } from "../image.ts";
import { listLayers } from "../inventory.ts";
import { layerPath, LAYERS, REMOVED } from "../layout.ts";
import { lockStore } from "../lock.ts";
import { reachOf } from "../reach.ts";
import { storeError } from "../room.ts";
import type { ImageStore } from "../store.ts";
import type { Fault } from "./fault.ts";
import type { CheckOptions } from "./mod.ts";

/**
 * Checks that each extracted layer has a root folder, and where that is wanted, that its content is
 * what its blob unpacks to.
 *
 * @returns how many there are
 */
export async function checkLayers(
  store: ImageStore,
  { repair, content = false }: CheckOptions,
  faults: Fault[],
): Promise<number> {
  const layers = listLayers(store.path);
  for (const { path, name } of layers) {
    const root = tryStatx(store.root, `${path}/${DIFF}`, AT_SYMLINK_NOFOLLOW);
    if (root !== undefined && (root.mode & S_IFMT) === S_IFDIR) continue;
    if (tryStatx(store.root, path, AT_SYMLINK_NOFOLLOW) === undefined) continue;
    faults.push(faultOf(store, name, "has lost its root folder", repair));
  }
  if (!content) return layers.length;
  const extracted = new Set(listLayers(store.path).map(({ name }) => name));
  const found: [name: string, what: string][] = [];
  const known = await layersOfImages(store);
  for (const [name, layer] of known) {
    const hasAll = layer.chain.every((chainId) => extracted.has(hashOf(chainId)));
    if (!hasAll || !isThere(store.root, layer.blob)) continue;
    const what = await differenceOf(store, layer);
    if (what !== undefined) found.push([name, what]);
  }
  // Not before all have been compared, for which those below are needed.
  for (const [name, what] of found) {
    const above = [...known].filter(([other, { chain }]) =>
      other !== name && chain.some((chainId) => hashOf(chainId) === name)
    );
    faults.push(faultOf(store, name, what, repair, above.map(([other]) => other)));
  }
  return layers.length;
}

/** A layer of an image. */
interface Layer {
  readonly blob: { readonly digest: Digest; readonly size: number };
  readonly diffId: Digest;
  /** The ChainIDs up to its own. */
  readonly chain: readonly Digest[];
}

/** The layers of all images, by the hash of their ChainID, held. Of damaged images there are none. */
async function layersOfImages(store: ImageStore): Promise<Map<string, Layer>> {
  const layers = new Map<string, Layer>();
  for (const { descriptor } of store.references()) {
    try {
      for (const one of await presentManifests(store, descriptor, "it")) {
        store.hold(one);
        const { manifest, config } = readImage(store, one, "it");
        const chain = chainIds(config.rootfs.diff_ids);
        manifest.layers.forEach((blob, index) => {
          const diffId = config.rootfs.diff_ids[index]!;
          layers.set(hashOf(chain[index]!), { blob, diffId, chain: chain.slice(0, index + 1) });
        });
      }
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
    }
  }
  return layers;
}

/** What of a layer is not as its blob has it; it is extracted once more to see. */
async function differenceOf(store: ImageStore, layer: Layer): Promise<string | undefined> {
  const { blob, diffId, chain } = layer;
  using opened = new DisposableStack();
  const open = (dirfd: number, path: string) =>
    opened.use(new Fd(openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))).number;
  const layers = open(store.root, LAYERS);
  const name = `check-${randomUUID()}`;
  try {
    const partial = opened.use((await PartialFolder.lock(layers, name))!);
    opened.defer(() => partial.remove());
    const folders = chain.toReversed().map((chainId) =>
      open(store.root, `${layerPath(chainId)}/${DIFF}`)
    );
    mkdirat(partial.number, DIFF, 0o755);
    const into = open(partial.number, DIFF);
    const file = opened.use(store.openBlob(blob.digest)).number;
    await applyLayer(piecesOf(file), { diffId, into, below: folders.slice(1) });
    const difference = firstDifference(folders[0]!, into);
    if (difference === undefined) return undefined;
    return `is not as it was extracted: ${quoteName(difference.path)} ${difference.what}`;
  } catch (error) {
    const what = "extract a layer to compare it";
    if (error instanceof NoRoom) throw extractionError(error, what, { archive: "it" });
    if (!(error instanceof ArchiveFault)) throw storeError(what, error);
    return `cannot be compared: its blob ${error.message}`;
  }
}

/**
 * The fault, repaired where nothing uses the layer: the next run extracts it again, and those above it,
 * which took over from it what they do not tell of their folders.
 */
function faultOf(
  store: ImageStore,
  name: string,
  what: string,
  repair: boolean,
  above: readonly string[] = [],
): Fault {
  const fault = { where: `layer ${name}`, what };
  if (!repair) return fault;
  using _lock = lockStore(store.root, "exclusive");
  if (reachOf(store.root, store.heldByOthers(), "skip").layers.has(name)) {
    return { ...fault, what: `${what}, and is in use` };
  }
  for (const layer of [...above, name]) {
    const path = `${LAYERS}/${layer}`;
    if (tryStatx(store.root, path, AT_SYMLINK_NOFOLLOW) === undefined) continue;
    renameat2(store.root, path, store.root, `${REMOVED}/${randomUUID()}`);
  }
  return { ...fault, repair: "removed; it is extracted again when it is needed" };
}
