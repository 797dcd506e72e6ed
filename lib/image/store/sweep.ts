import {
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from "../../../ffi/constants.ts";
import {
  Fd,
  fsync,
  LOCK_EX,
  openat,
  renameat2,
  statx,
  tryFlock,
  tryStatx,
  unlinkat,
} from "../../../ffi/file.ts";
import { isFull, SysError } from "../../errors.ts";
import { removeTree } from "../../file_tree.ts";
import { randomUUID } from "../../uuid.ts";
import type { Descriptor } from "../descriptor.ts";
import { diskUsage } from "../../disk_usage.ts";
import { type BlobItem, type Item, listBlobs, listLayers, listLeft } from "./inventory.ts";
import { REMOVED } from "./layout.ts";
import type { HeldBy } from "./lease.ts";
import { lockStore } from "./lock.ts";
import { type Reach, reachOf } from "./reach.ts";
import { type ReferenceEntry, writeReferences } from "./references.ts";
import { storeError } from "./room.ts";
import type { ImageStore } from "./store.ts";

/** What other processes work with. */
export type Users = readonly HeldBy[];

/** What is to be removed. */
export interface SweepOptions {
  /**
   * Which references go, with what only they lead to. Asked under the store's lock: what it throws
   * stops all.
   *
   * @param users what other processes work with
   * @param entries all references
   */
  readonly drop?: (
    entry: ReferenceEntry,
    users: Users,
    entries: readonly ReferenceEntry[],
  ) => boolean;
  /** Whether all else goes as well that nothing leads to, and what was left of pulls. */
  readonly all: boolean;
  /** Whether nothing is removed but only told. */
  readonly dryRun?: boolean;
}

/** What was removed, or would be. */
export interface Swept {
  readonly references: readonly ReferenceEntry[];
  readonly blobs: readonly BlobItem[];
  /** Extracted layers, their names hashes of ChainIDs. */
  readonly layers: readonly Item[];
  /** What was left of what did not come to its end. */
  readonly left: readonly Item[];
  /** On the disk. */
  readonly bytes: number;
}

/**
 * Removes references and what nothing leads to then, no reference and no process (see lease.ts).
 *
 * References go first, and all that goes was nobody's before: whoever is killed in the middle of it
 * leaves something that the next one removes. An extracted layer loses its name at once, so that
 * nobody takes what is left of it for whole.
 *
 * @throws {ContainerError} InvalidArchive when what something leads to cannot be known
 */
export function sweep(store: ImageStore, { drop, all, dryRun = false }: SweepOptions): Swept {
  const { root, path: folder } = store;
  const chosen = (() => {
    using _lock = lockStore(root, "exclusive");
    const choice = choose(store, drop ?? (() => false), all);
    try {
      if (!dryRun) remove(root, choice);
    } catch (error) {
      throw storeError("remove images", error);
    }
    return choice;
  })();
  const layers = chosen.layers.map(({ path, moved }) => ({
    path,
    bytes: measure(root, dryRun ? path : moved),
  }));
  if (!dryRun) purge(root, folder);
  const { dropped: references, blobs, left } = chosen;
  const bytes = [...blobs, ...layers, ...left].reduce((sum, item) => sum + item.bytes, 0);
  return { references, blobs, layers, left, bytes };
}

interface Choice {
  readonly kept: readonly ReferenceEntry[];
  readonly dropped: readonly ReferenceEntry[];
  readonly blobs: readonly BlobItem[];
  readonly layers: readonly { path: string; moved: string }[];
  readonly left: readonly Item[];
}

function choose(
  store: ImageStore,
  drop: NonNullable<SweepOptions["drop"]>,
  all: boolean,
): Choice {
  const { root, path: folder } = store;
  const entries = store.references();
  const held = store.heldByOthers();
  const goes = new Set(entries.filter((entry) => drop(entry, held, entries)));
  const dropped = [...goes];
  const kept = entries.filter((entry) => !goes.has(entry));
  const descriptors = (some: readonly ReferenceEntry[]): Descriptor[] =>
    some.map(({ descriptor }) => descriptor);
  const stay = new Set(kept.map(({ descriptor }) => descriptor.digest));
  const lost = dropped.filter(({ descriptor }) => !stay.has(descriptor.digest));
  const scope: Reach | undefined = all ? undefined : reachOf(root, descriptors(lost), "skip");
  // What is damaged may need anything, which is nothing to one who takes a name alone.
  const damaged = !all && lost.length === 0 ? "skip" : "refuse";
  const needed = reachOf(root, [...descriptors(kept), ...held], damaged);
  const isLost = <T>(name: T, needed: Set<T>, scope?: Set<T>) =>
    !needed.has(name) && (scope?.has(name) ?? true);
  const beingReceived = new Set(held.map(({ digest }) => digest.replace(":", "-")));
  return {
    kept,
    dropped,
    blobs: listBlobs(root, folder).filter(({ digest }) =>
      isLost(digest, needed.blobs, scope?.blobs)
    ),
    layers: listLayers(folder).filter(({ name }) => isLost(name, needed.layers, scope?.layers))
      .map(({ path }) => ({ path, moved: `${REMOVED}/${randomUUID()}` })),
    left: all
      ? listLeft(root, folder).filter(({ path }) =>
        !beingReceived.has(path.slice(path.lastIndexOf("/") + 1))
      )
      : [],
  };
}

function remove(root: number, choice: Choice): void {
  const { kept, dropped } = choice;
  let isWritten = dropped.length === 0;
  try {
    if (!isWritten) writeReferences(root, kept);
    isWritten = true;
  } catch (error) {
    // A full disk takes no file, however small, before something is gone from it.
    if (!isFull(error)) throw error;
  }
  removeContent(root, choice);
  if (!isWritten) writeReferences(root, kept);
}

function removeContent(root: number, { blobs, layers, left }: Choice): void {
  for (const { path, moved } of layers) renameat2(root, path, root, moved);
  for (const { path } of blobs) unlinkat(root, path);
  for (const { path } of left) removeLeft(root, path);
  if (layers.length + blobs.length + left.length === 0) return;
  using folder = new Fd(openat(root, ".", O_RDONLY | O_DIRECTORY));
  fsync(folder.number);
}

/** Under its own lock, which nobody had when it was looked at; whoever has it now keeps it. */
function removeLeft(root: number, path: string): void {
  try {
    using file = new Fd(openat(root, path, O_RDONLY | O_NOFOLLOW));
    if (!tryFlock(file.number, LOCK_EX)) return;
    const { mode, ino } = statx(file.number);
    if (tryStatx(root, path, AT_SYMLINK_NOFOLLOW)?.ino !== ino) return;
    if ((mode & S_IFMT) !== S_IFDIR) unlinkat(root, path);
    else renameat2(root, path, root, `${REMOVED}/${randomUUID()}`);
  } catch (error) {
    if (!(error instanceof SysError && error.code === "ENOENT")) throw error;
  }
}

/** Removes what has lost its name, also what others began to. */
function purge(root: number, folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${REMOVED}`)) {
    const path = `${REMOVED}/${name}`;
    try {
      if (!isDirectory) {
        unlinkat(root, path);
        continue;
      }
      using tree = new Fd(openat(root, path, O_RDONLY | O_NOFOLLOW));
      if (tryFlock(tree.number, LOCK_EX)) removeTree(root, path);
    } catch (error) {
      // Another one was faster.
      if (error instanceof SysError && error.code === "ENOENT") continue;
      throw storeError(`remove ${JSON.stringify(`${folder}/${path}`)}`, error);
    }
  }
}

function measure(root: number, path: string): number {
  try {
    return diskUsage(root, path).bytes;
  } catch (error) {
    // Another one has removed it meanwhile.
    if (error instanceof SysError && error.code === "ENOENT") return 0;
    throw error;
  }
}
