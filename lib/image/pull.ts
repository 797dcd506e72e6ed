import { ContainerError } from "../errors.ts";
import { printable, quote } from "../quote.ts";
import { headManifest } from "../registry/manifests.ts";
import { type SessionOptions, withRegistry } from "../registry/session.ts";
import { CONFIG_LIMIT, type ImageConfig, parseConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertLayerCount, ensureLayer } from "./layer/ensure.ts";
import {
  type ImageIndex,
  type ImageManifest,
  isImageIndex,
  MANIFEST_LIMIT,
  parseManifest,
} from "./manifest.ts";
import { isImageConfig } from "./media_type.ts";
import {
  choosePlatform,
  distance,
  formatPlatform,
  hostPlatform,
  type Platform,
} from "./platform.ts";
import { familiarReference, type Reference } from "./reference.ts";
import { imageInWords, platformOf } from "./store/image.ts";
import type { StoreOnDemand } from "./store/on_demand.ts";
import {
  type Download,
  fetchDocument,
  fetchListed,
  fetchPart,
  type StoredDocument,
} from "./transfer/download.ts";
import type { TransferObserver } from "./transfer/events.ts";
import { Sources } from "./transfer/sources.ts";

/** How an image is pulled. */
export interface PullOptions extends SessionOptions {
  /** The platform that it is to be for; this machine's unless told. */
  readonly platform?: Platform;
  readonly observe?: TransferObserver;
}

/** How many parts of an image are downloaded at the same time. */
const AT_ONCE = 4;

/**
 * Gets an image from its registry into the store, and extracts its layers, each as soon as it is there
 * and those below it are. The reference leads to it when all of it is there.
 *
 * Whatever ends it before, the next pull, of any process, goes on from the byte where it stopped.
 *
 * @returns what the reference leads to: a manifest, or the index that it was chosen from
 * @throws {ContainerError} NotFound, NotAllowed, InvalidArchive, Unsupported, Failed
 */
export async function pullImage(
  stores: StoreOnDemand,
  reference: Reference,
  options: PullOptions = {},
): Promise<Descriptor> {
  const { registry, repository } = reference;
  const name = familiarReference(reference);
  const action = `pull ${quote(name)}`;
  const failed = new AbortController();
  using sources = new Sources(registry, options);
  const task = { action, repository };
  return await withRegistry(action, registry, async () => {
    const what = imageInWords(name);
    const target = await findTarget({ sources, task }, stores, reference, what);
    const store = stores.make();
    const download: Download = {
      store,
      sources,
      task,
      observe: options.observe ?? (() => {}),
      signal: failed.signal,
    };
    const { document } = isImageIndex(target.document)
      ? await chosenFrom(download, target.document, options.platform ?? hostPlatform(), what)
      : target;
    if (isImageIndex(document)) {
      throw new ContainerError(`${what}: it is an index where a manifest was meant`, {
        code: "InvalidArchive",
      });
    }
    await fetchParts(download, document, { what, platform: options.platform }, (error) => {
      failed.abort(error);
      sources[Symbol.dispose]();
    });
    store.setReference(reference, target.descriptor);
    return target.descriptor;
  });
}

/**
 * What a reference leads to. Where the store knows what its tag led to the last time, the registry is
 * only asked whether it still does.
 */
async function findTarget(
  asked: Pick<Download, "sources" | "task">,
  stores: StoreOnDemand,
  { tag, digest, ...reference }: Reference,
  what: string,
): Promise<StoredDocument> {
  const { sources, task } = asked;
  const store = stores.present;
  const entries = store?.references() ?? [];
  const isKnown = entries.some((entry) =>
    entry.reference?.registry === reference.registry &&
    entry.reference.repository === reference.repository
  );
  const wanted = digest ??
    (isKnown
      ? (await sources.first((session) => headManifest(session, task, tag!)))?.digest
      : undefined);
  const known = entries.find(({ descriptor }) => descriptor.digest === wanted)?.descriptor;
  if (known !== undefined && store?.hasBlob(known)) {
    const bytes = store.readBlob(known, MANIFEST_LIMIT);
    return {
      descriptor: withoutName(known),
      document: parseManifest(bytes, known.mediaType, what),
    };
  }
  return await fetchDocument(asked, stores, digest ?? tag!, what);
}

function withoutName({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

async function chosenFrom(
  download: Download,
  index: ImageIndex,
  platform: Platform,
  what: string,
): Promise<StoredDocument> {
  const load = async (descriptor: Descriptor): Promise<ImageIndex> => {
    const { document } = await fetchListed(download, descriptor, what);
    if (isImageIndex(document)) return document;
    throw new ContainerError(`${what}: a manifest is listed as an index`, {
      code: "InvalidArchive",
    });
  };
  const chosen = await choosePlatform(index, platform, load, what);
  return await fetchListed(download, chosen, what);
}

/** @param fail ends what is still under way when a part has failed */
async function fetchParts(
  download: Download,
  manifest: ImageManifest,
  { what, platform }: { what: string; platform?: Platform },
  fail: (error: unknown) => void,
): Promise<void> {
  const { store, observe } = download;
  const layers = uniqueParts(manifest.layers);
  const isImage = isImageConfig(manifest.config.mediaType);
  if (isImage) {
    assertConfigSize(manifest.config, what);
    assertLayerCount(manifest);
  }
  observe({ kind: "parts", parts: layers });
  await fetchPart({ ...download, observe: () => {} }, manifest.config);
  const config = isImage
    ? parseConfig(store.readBlob(manifest.config, CONFIG_LIMIT), manifest, `config of ${what}`)
    : undefined;
  if (config !== undefined && platform !== undefined) assertPlatform(config, platform, what);

  const arrived = new Map(layers.map(({ digest }) => [digest, Promise.withResolvers<void>()]));
  // Nobody may come to wait for some of them.
  for (const { promise } of arrived.values()) promise.catch(() => {});
  const queue = [...layers];
  let first: { error: unknown } | undefined;
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      first ??= { error };
      fail(error);
      for (const { reject } of arrived.values()) reject(error);
    }
  };
  const worker = async () => {
    for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
      if (first !== undefined) return;
      await fetchPart(download, layer);
      arrived.get(layer.digest)!.resolve();
    }
  };
  // All have come to an end before anybody hears of the first error: none works on behind our back.
  await Promise.all([
    ...Array.from({ length: AT_ONCE }, () => guarded(worker)),
    guarded(() => extract(download, manifest, config, (part) => arrived.get(part.digest)!.promise)),
  ]);
  if (first !== undefined) throw first.error;
}

/** Before it comes, without a word and for as long as it says. */
function assertConfigSize({ size }: Descriptor, what: string): void {
  if (size <= CONFIG_LIMIT) return;
  throw new ContainerError(`config of ${what}: it has more than ${CONFIG_LIMIT} bytes`, {
    code: "InvalidArchive",
  });
}

/** An image that is not one of several may be for anything. */
function assertPlatform(config: ImageConfig, wanted: Platform, what: string): void {
  const has = platformOf(config);
  if (distance(has, wanted) !== undefined) return;
  throw new ContainerError(
    `${what}: it is for ${printable(formatPlatform(has))}, not ${formatPlatform(wanted)}`,
    { code: "NotFound" },
  );
}

/** Extracts the layers, the lowest first, each when it has arrived. */
async function extract(
  { store, observe, signal }: Download,
  manifest: ImageManifest,
  config: ImageConfig | undefined,
  arrival: (layer: Descriptor) => Promise<void>,
): Promise<void> {
  for (const [index, layer] of manifest.layers.entries()) {
    await arrival(layer);
    if (config === undefined) continue;
    signal.throwIfAborted();
    await ensureLayer(store, { manifest, config }, index, {
      extracted: (part, bytes) => observe({ kind: "extracted", part, bytes }),
    });
  }
}

/** A layer may lie in an image more than once. */
function uniqueParts(parts: readonly Descriptor[]): Descriptor[] {
  return [...new Map(parts.map((part) => [part.digest, part])).values()];
}
