import { RegistrySession, type SessionOptions, withRegistry } from "../registry/session.ts";
import { ContainerError } from "../errors.ts";
import { printable, quote } from "../quote.ts";
import type { Descriptor } from "./descriptor.ts";
import { isImageIndex, MANIFEST_LIMIT, parseManifest } from "./manifest.ts";
import type { FormedDocument } from "./manifest_form.ts";
import { isIndex, isManifest, isNondistributable } from "./media_type.ts";
import { formatPlatform, hostPlatform, nearestTo, type Platform } from "./platform.ts";
import { familiarReference, type Reference } from "./reference.ts";
import { imageInWords, manifestsOrNone, presentManifests } from "./store/image.ts";
import type { ImageStore } from "./store/store.ts";
import { sendDocuments } from "./transfer/documents.ts";
import type { TransferObserver } from "./transfer/events.ts";
import { sendPart, type Upload } from "./transfer/upload.ts";

/** How an image is pushed. */
export interface PushOptions extends SessionOptions {
  /** The one of several that is wanted; all of them where all are there, else this machine's. */
  readonly platform?: Platform;
  readonly observe?: TransferObserver;
}

/** How many parts of an image are sent at the same time. */
const AT_ONCE = 4;

/**
 * Sends an image to a registry: what it consists of, except for what the repository has, then its
 * manifests, and last the one that its name is to lead to.
 *
 * @param target what is sent: a manifest or an index of the store
 * @param reference where it goes
 * @returns what the reference leads to now
 * @throws {ContainerError} NotFound, NotAllowed, InvalidArgument, and whatever the registry says
 */
export async function pushImage(
  store: ImageStore,
  target: Descriptor,
  reference: Reference,
  options: PushOptions = {},
): Promise<Descriptor> {
  const { registry, repository } = reference;
  const name = familiarReference(reference);
  const action = `push ${quote(name)}`;
  using session = new RegistrySession(registry, options);
  return await withRegistry(action, registry, async () => {
    const chosen = await chosenOf(store, target, options, imageInWords(name));
    assertDigest(chosen, reference, action);
    const documents = documentsBelow(store, chosen, imageInWords(name));
    const parts = new Map(documents.flatMap(({ parts }) => parts).map((one) => [one.digest, one]));
    const upload: Upload = {
      store,
      session,
      task: { action, repository },
      observe: options.observe ?? (() => {}),
      elsewhere: await homesOf(store, reference),
    };
    await sendParts(upload, [...parts.values()]);
    const { task } = upload;
    return await sendDocuments({ session, task, reference, warn: options.warn }, documents);
  });
}

/** A digest in the name where it goes is a promise of what is there. */
function assertDigest({ digest }: Descriptor, reference: Reference, action: string): void {
  if (reference.digest === undefined || reference.digest === digest) return;
  throw new ContainerError(`${action}: what would be sent has the digest ${digest}`, {
    code: "InvalidArgument",
    hint: "Give that digest, or a tag alone",
  });
}

/** All of an index where all of it is there and no platform is asked for; otherwise one manifest. */
async function chosenOf(
  store: ImageStore,
  target: Descriptor,
  { platform, warn }: PushOptions,
  what: string,
): Promise<Descriptor> {
  if (!isIndex(target.mediaType)) return target;
  if (platform === undefined && isWhole(store, target, what)) return target;
  const wanted = platform ?? hostPlatform();
  const found = nearestTo(await presentManifests(store, target, what), wanted);
  if (found !== undefined) {
    if (platform === undefined) tellLeftOut(store, target, found, what, warn);
    return found;
  }
  throw new ContainerError(`${what}: the one for ${formatPlatform(wanted)} is not in the store`, {
    code: "NotFound",
    hint: `Pull it first: gocontainer pull -platform ${formatPlatform(wanted)} …`,
  });
}

/** Tells what of an index does not go along with the one that is chosen, for attestations are not pulled. */
function tellLeftOut(
  store: ImageStore,
  index: Descriptor,
  chosen: Descriptor,
  what: string,
  warn: PushOptions["warn"],
): void {
  const document = parseManifest(store.readBlob(index, MANIFEST_LIMIT), index.mediaType, what);
  const listed = isImageIndex(document) ? document.manifests : [];
  const nameOf = ({ digest, platform, annotations }: Descriptor) =>
    annotations?.["vnd.docker.reference.type"] === "attestation-manifest"
      ? "attestations"
      : platform === undefined
      ? digest
      : printable(formatPlatform(platform));
  const others = listed.filter(({ digest }) => digest !== chosen.digest).map(nameOf);
  if (others.length === 0) return;
  warn?.(
    `of ${what} only ${nameOf(chosen)} is sent, without ${[...new Set(others)].join(", ")}: ` +
      "not all that its index lists is in the store",
  );
}

/** Whether all that an index leads to is there. */
function isWhole(store: ImageStore, index: Descriptor, what: string): boolean {
  try {
    return documentsBelow(store, index, what)
      .every(({ parts }) => parts.every((part) => store.hasBlob(part)));
  } catch (error) {
    if (error instanceof ContainerError && error.code === "NotFound") return false;
    throw error;
  }
}

/** A manifest or index, and what it needs besides other documents. */
interface SentDocument extends FormedDocument {
  readonly parts: readonly Descriptor[];
}

/** A manifest or index with all that it lists, what is listed first. */
function documentsBelow(
  store: ImageStore,
  top: Descriptor,
  what: string,
  seen = new Set<string>(),
): SentDocument[] {
  if (seen.has(top.digest)) return [];
  seen.add(top.digest);
  const bytes = store.readBlob(top, MANIFEST_LIMIT);
  const document = parseManifest(bytes, top.mediaType, what);
  const { mediaType, digest, size } = top;
  const descriptor = { mediaType, digest, size };
  if (!isImageIndex(document)) {
    const parts = [document.config, ...document.layers.filter(isSent)];
    return [{ descriptor, bytes, parts }];
  }
  const below = document.manifests.filter(({ mediaType }) =>
    isIndex(mediaType) || isManifest(mediaType)
  );
  const others = document.manifests.filter((one) => !below.includes(one));
  return [
    ...below.flatMap((one) => documentsBelow(store, one, what, seen)),
    { descriptor, bytes, parts: others },
  ];
}

/** Whoever holds the rights in a layer may want to hand it out alone. */
function isSent({ mediaType, urls }: Descriptor): boolean {
  return !isNondistributable(mediaType) || urls === undefined || urls.length === 0;
}

/**
 * For each part in which other repository of the same registry the store knows it to be. It only spares
 * sending: images that are damaged are left out.
 */
async function homesOf(
  store: ImageStore,
  { registry, repository }: Reference,
): Promise<Upload["elsewhere"]> {
  const homes = new Map<string, string>();
  for (const { reference, descriptor } of store.references()) {
    if (reference?.registry !== registry || reference.repository === repository) continue;
    for (const manifest of await manifestsOrNone(store, descriptor)) {
      for (const { digest } of partsOrNone(store, manifest)) {
        homes.set(digest, reference.repository);
      }
    }
  }
  return ({ digest }) => homes.get(digest);
}

function partsOrNone(store: ImageStore, manifest: Descriptor): readonly Descriptor[] {
  try {
    return documentsBelow(store, manifest, "an image").flatMap(({ parts }) => parts);
  } catch (error) {
    if (error instanceof ContainerError) return [];
    throw error;
  }
}

async function sendParts(upload: Upload, parts: readonly Descriptor[]): Promise<void> {
  upload.observe({ kind: "parts", parts });
  const queue = [...parts];
  let first: { error: unknown } | undefined;
  const worker = async () => {
    try {
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
        await sendPart(upload, part);
      }
    } catch (error) {
      // All come to an end before anybody hears of the first error.
      if (first === undefined) upload.session[Symbol.dispose]();
      first ??= { error };
      queue.length = 0;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (first !== undefined) throw (first as { error: unknown }).error;
}
