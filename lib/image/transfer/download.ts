import { downloadBlob } from "../../registry/blobs.ts";
import { getManifest, type Task } from "../../registry/manifests.ts";
import type { RegistrySession } from "../../registry/session.ts";
import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import type { Descriptor } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { MANIFEST_LIMIT, type ManifestDocument, parseManifest } from "../manifest.ts";
import type { StoreOnDemand } from "../store/on_demand.ts";
import type { ImageStore } from "../store/store.ts";
import type { TransferObserver } from "./events.ts";
import type { Sources } from "./sources.ts";

/** A pull under way. */
export interface Download {
  readonly store: ImageStore;
  readonly sources: Sources;
  readonly task: Task;
  readonly observe: TransferObserver;
  /** Aborted when another part of it has failed. */
  readonly signal: AbortSignal;
}

/** A manifest or index that is in the store. */
export interface StoredDocument {
  readonly descriptor: Descriptor;
  readonly document: ManifestDocument;
}

/**
 * Gets the manifest or index that a tag leads to, or that has a digest, into the store.
 *
 * @param stores where it goes, when it is there
 * @param reference a tag or digest
 * @param what what errors call it
 * @throws {ContainerError} InvalidArchive, NotFound, Unsupported
 */
export async function fetchDocument(
  { sources, task }: Pick<Download, "sources" | "task">,
  stores: StoreOnDemand,
  reference: string,
  what: string,
): Promise<StoredDocument> {
  // A mirror that gives something else is passed over.
  const { fetched, document } = await sources.first(async (session) => {
    const fetched = await getManifest(session, task, reference);
    return { fetched, document: parseManifest(fetched.bytes, fetched.mediaType, what) };
  });
  const descriptor: Descriptor = {
    mediaType: (fetched.mediaType ?? document.mediaType)!,
    digest: fetched.digest,
    size: fetched.bytes.length,
  };
  await put(stores.make(), descriptor, fetched.bytes);
  return { descriptor, document };
}

/**
 * Gets a manifest or index that an index names into the store, unless it is there. It must be what the
 * index says it is.
 */
export async function fetchListed(
  { sources, store, task }: Download,
  descriptor: Descriptor,
  what: string,
): Promise<StoredDocument> {
  const { mediaType } = descriptor;
  if (store.hasBlob(descriptor)) {
    const bytes = store.readBlob(descriptor, MANIFEST_LIMIT);
    return { descriptor, document: parseManifest(bytes, mediaType, what) };
  }
  const { bytes, document } = await sources.first((session) =>
    getListed(session, task, descriptor, what)
  );
  await put(store, descriptor, bytes);
  return { descriptor, document };
}

/** A manifest or index that is what its descriptor says. */
async function getListed(
  session: RegistrySession,
  task: Task,
  { mediaType, digest, size }: Descriptor,
  what: string,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; document: ManifestDocument }> {
  const fetched = await getManifest(session, task, digest);
  if (fetched.bytes.length !== size) {
    throw new ContainerError(
      `${what}: it has ${fetched.bytes.length} bytes, its index says ${size}`,
      { code: "InvalidArchive" },
    );
  }
  if (fetched.mediaType !== undefined && fetched.mediaType !== mediaType) {
    throw new ContainerError(
      `${what}: the registry gives it as ${quote(fetched.mediaType)}, its index as ${
        quote(mediaType)
      }`,
      { code: "InvalidArchive" },
    );
  }
  return { bytes: fetched.bytes, document: parseManifest(fetched.bytes, mediaType, what) };
}

async function put(
  store: ImageStore,
  descriptor: Descriptor,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  using receiver = await store.receiveBlob(descriptor);
  if (receiver === undefined) return;
  receiver.restart();
  receiver.write(bytes);
  receiver.commit();
}

/**
 * Gets a part of an image into the store, unless it is there. What an earlier pull has got of it is
 * not got again, and two pulls of it at the same time share the work.
 *
 * @throws {ContainerError} InvalidArchive when what came is not what was asked for
 */
export async function fetchPart(download: Download, part: Descriptor): Promise<void> {
  const { observe, sources } = download;
  if (part.data !== undefined && await takeEmbedded(download, part)) return;
  await sources.first(async (session) => {
    for (let isFirst = true;; isFirst = false) {
      const { store, task, signal } = download;
      using receiver = await store.receiveBlob(part, {
        signal,
        waiting: () => observe({ kind: "waiting", part }),
      });
      if (receiver === undefined) return observe({ kind: "there", part });
      const before = receiver.offset;
      observe({ kind: "moved", part, bytes: before });
      try {
        await downloadBlob(session, task, part, {
          get offset() {
            return receiver.offset;
          },
          restart: () => receiver.restart(),
          write(bytes) {
            signal.throwIfAborted();
            receiver.write(bytes);
            observe({ kind: "moved", part, bytes: receiver.offset });
          },
        });
        receiver.commit();
        return observe({ kind: "done", part });
      } catch (error) {
        // What was left of an earlier pull may have been damaged by a crash: it is gone now.
        const isDamaged = before > 0 && isFirst && isWrong(error);
        if (!isDamaged) throw error;
      }
    }
  });
}

function isWrong(error: unknown): boolean {
  return error instanceof ContainerError && error.code === "InvalidArchive";
}

/** Content that came with its descriptor; false when it is not what the descriptor says. */
async function takeEmbedded({ store, observe }: Download, part: Descriptor): Promise<boolean> {
  const bytes = Uint8Array.fromBase64(part.data!);
  if (bytes.length !== part.size || digestOf(bytes) !== part.digest) return false;
  await put(store, part, bytes);
  observe({ kind: "done", part });
  return true;
}
