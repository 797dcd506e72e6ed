import { manifestsOrNone } from "./image.ts";
import { listBlobs, listLayers, listLeft } from "./inventory.ts";
import { nameOf } from "./listing.ts";
import { namesOf, reachInUse, sizesOf } from "./prune.ts";
import { reachOf } from "./reach.ts";
import type { ImageStore } from "./store.ts";

/** What one kind of thing takes on the disk. */
export interface Usage {
  readonly kind: "images" | "layers" | "leftovers";
  readonly count: number;
  /** How many of them something works with now. */
  readonly inUse: number;
  readonly bytes: number;
  /** Bytes of those that nothing works with: what `prune -all` frees. */
  readonly reclaimable: number;
}

/** What an image takes on the disk, its blobs and its extracted layers together. */
export interface ImageUsage {
  /** Undefined for an image that has lost its name. */
  readonly name?: string;
  readonly digest: string;
  readonly bytes: number;
  /** What no other image has: what its removal frees. */
  readonly unique: number;
}

/** What a store takes on the disk, by kind and by image. */
export interface StoreUsage {
  readonly kinds: readonly Usage[];
  readonly images: readonly ImageUsage[];
}

/** Measures a store. Takes a look at every file of every extracted layer. */
export async function measureStore(store: ImageStore): Promise<StoreUsage> {
  const { root, path } = store;
  const sizes = sizesOf(store);
  const needed = reachInUse(store);
  const blobs = listBlobs(root, path);
  const layers = listLayers(path).map(({ name }) => ({
    name,
    bytes: sizes.get(`layer ${name}`) ?? 0,
  }));
  const left = listLeft(root, path);
  const entries = store.references();
  const used = await Promise.all(entries.map(async ({ descriptor }) => {
    const manifests = await manifestsOrNone(store, descriptor);
    return manifests.some(({ digest }) => needed.blobs.has(digest));
  }));
  const kinds: Usage[] = [
    {
      kind: "images",
      count: entries.length,
      inUse: used.filter((one) => one).length,
      bytes: sum(blobs),
      reclaimable: sum(blobs.filter(({ digest }) => !needed.blobs.has(digest))),
    },
    {
      kind: "layers",
      count: layers.length,
      inUse: layers.filter(({ name }) => needed.layers.has(name)).length,
      bytes: sum(layers),
      reclaimable: sum(layers.filter(({ name }) => !needed.layers.has(name))),
    },
    { kind: "leftovers", count: left.length, inUse: 0, bytes: sum(left), reclaimable: sum(left) },
  ];
  return { kinds, images: measureImages(store, sizes) };
}

function measureImages(store: ImageStore, sizes: ReadonlyMap<string, number>): ImageUsage[] {
  const reaches = store.references().map((entry) => ({
    entry,
    names: namesOf(reachOf(store.root, [entry.descriptor], "skip")),
  }));
  // Names of one image count as one user of what it has.
  const users = new Map<string, Set<string>>();
  for (const { entry, names } of reaches) {
    for (const name of names) {
      users.set(name, (users.get(name) ?? new Set()).add(entry.descriptor.digest));
    }
  }
  const bytesOf = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  return reaches.map(({ entry, names }) => {
    const name = nameOf(entry);
    return {
      ...name !== undefined && { name },
      digest: entry.descriptor.digest,
      bytes: bytesOf(names),
      unique: bytesOf(names.filter((one) => users.get(one)!.size === 1)),
    };
  });
}

function sum(items: readonly { bytes: number }[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}
