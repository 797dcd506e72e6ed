import { presentManifests } from "./image.ts";
import { layerSize, listBlobs, listLayers } from "./inventory.ts";
import { lastUse } from "./listing.ts";
import { lockStore } from "./lock.ts";
import { type Reach, reachOf } from "./reach.ts";
import { keyOf, type ReferenceEntry } from "./references.ts";
import type { ImageStore } from "./store.ts";
import { sweep, type Swept } from "./sweep.ts";

/** Which images `prune` removes besides those without a name. */
export interface PruneOptions {
  /** All that no container uses. */
  readonly all: boolean;
  /** Of these only those that were not used for so long, in ms. */
  readonly unusedFor?: number;
  /** Those used longest ago first, until the store has no more bytes than this. */
  readonly keepBytes?: number;
  /** Whether nothing is removed but only told. */
  readonly dryRun: boolean;
}

/**
 * Removes images that nobody uses, and with them all that nothing leads to.
 *
 * @throws {ContainerError} InvalidArchive when the store is damaged
 */
export async function prune(store: ImageStore, options: PruneOptions): Promise<Swept> {
  const chosen = await choose(store, options);
  return sweep(store, {
    drop: (entry, users) =>
      chosen.has(keyOf(entry)) &&
      !users.some(({ digest }) => digest === entry.descriptor.digest),
    all: true,
    dryRun: options.dryRun,
  });
}

/** An image that may go. */
interface Candidate {
  readonly entry: ReferenceEntry;
  readonly reach: Reach;
  readonly lastUsed: number;
  readonly inUse: boolean;
}

async function choose(
  store: ImageStore,
  { all, unusedFor, keepBytes }: PruneOptions,
): Promise<Set<string>> {
  const candidates = await candidatesIn(store);
  const now = Date.now();
  const goes = ({ entry, lastUsed, inUse }: Candidate) =>
    !inUse && (entry.name === undefined || all) &&
    (unusedFor === undefined || now - lastUsed >= unusedFor);
  const chosen = candidates.filter(goes);
  if (keepBytes !== undefined) {
    const rest = candidates.filter((candidate) => !chosen.includes(candidate));
    chosen.push(...oldestOver(store, rest, keepBytes));
  }
  return new Set(chosen.map(({ entry }) => keyOf(entry)));
}

async function candidatesIn(store: ImageStore): Promise<Candidate[]> {
  const { blobs: inUse } = reachInUse(store);
  const candidates: Candidate[] = [];
  for (const entry of store.references()) {
    const manifests = await presentManifests(store, entry.descriptor, "an image");
    const lastUses = manifests.map((manifest) => lastUse(store, manifest) ?? 0);
    candidates.push({
      entry,
      reach: reachOf(store.root, [entry.descriptor]),
      lastUsed: Math.max(0, ...lastUses),
      inUse: manifests.some(({ digest }) => inUse.has(digest)),
    });
  }
  return candidates;
}

/** All that belongs to the images that a process works with. */
export function reachInUse(store: ImageStore): Reach {
  using _lock = lockStore(store.root, "exclusive");
  return reachOf(store.root, store.heldByOthers(), "skip");
}

/**
 * Which images go, those used longest ago first, until the others take no more than some bytes. What
 * several share goes with the last of them.
 */
function oldestOver(
  store: ImageStore,
  candidates: readonly Candidate[],
  keepBytes: number,
): Candidate[] {
  const sizes = sizesOf(store);
  const users = new Map<string, number>();
  for (const { reach } of candidates) {
    for (const name of namesOf(reach)) users.set(name, (users.get(name) ?? 0) + 1);
  }
  let total = [...users.keys()].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  const chosen: Candidate[] = [];
  for (const candidate of candidates.toSorted((a, b) => a.lastUsed - b.lastUsed)) {
    if (total <= keepBytes) break;
    if (candidate.inUse) continue;
    chosen.push(candidate);
    for (const name of namesOf(candidate.reach)) {
      const left = users.get(name)! - 1;
      users.set(name, left);
      if (left === 0) total -= sizes.get(name) ?? 0;
    }
  }
  return chosen;
}

/** What each blob and each extracted layer takes on the disk, by the names of {@link namesOf}. */
export function sizesOf({ root, path }: ImageStore): Map<string, number> {
  const blobs = listBlobs(root, path).map(({ digest, bytes }) => [digest, bytes] as const);
  const layers = listLayers(path).map(({ name }) =>
    [`layer ${name}`, layerSize(root, name)] as const
  );
  return new Map([...blobs, ...layers]);
}

/** Names of all that there is in a reach. */
export function namesOf({ blobs, layers }: Reach): string[] {
  return [...blobs, ...[...layers].map((name) => `layer ${name}`)];
}
