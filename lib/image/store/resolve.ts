import { ContainerError } from "../../errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, hashOf, isDigest } from "../digest.ts";
import { distance, formatPlatform, hostPlatform, nearestTo, type Platform } from "../platform.ts";
import { formatReference, parseReference, type Reference, tryReference } from "../reference.ts";
import { isThere } from "./blobs.ts";
import {
  imageInWords,
  manifestsOrNone,
  platformOf,
  presentManifests,
  readImage,
  type StoredImage,
} from "./image.ts";
import type { ReferenceEntry } from "./references.ts";
import type { ImageStore } from "./store.ts";

/** Which image of one name is meant. */
export interface ResolveOptions {
  /**
   * The platform that it has to be for; without, that of this machine is taken where there is one,
   * or else the first.
   */
  readonly platform?: Platform;
}

/** A digest of an algorithm that is in use; others look like a name and a tag. */
const HASHED = /^sha(?:256|512):/;

/** Digits of an id that may stand for all of it, also as docker takes them. */
const SHORT_ID = /^(?:sha256:)?([0-9a-f]{4,64})$/;

/**
 * The image that a user means: by reference, by the digest of its manifest or index, by its id, or by
 * the beginning of an id that no other one shares.
 *
 * @throws {ContainerError} NotFound; InvalidArgument for what can be no name, or stands for two
 */
export async function resolveImage(
  store: ImageStore,
  name: string,
  options: ResolveOptions = {},
): Promise<StoredImage> {
  const found = await findImage(store, name, options);
  if (found !== undefined) return found;
  const { platform } = options;
  if (platform === undefined || await findTarget(store, name) === undefined) notFound(name);
  const wanted = formatPlatform(platform);
  throw new ContainerError(`use ${imageInWords(name)}: the one for ${wanted} is not in the store`, {
    code: "NotFound",
    hint: `Pull it first: gocontainer pull -platform ${wanted} …`,
  });
}

/** As {@link findTarget}, for what has to be there. */
export async function requireTarget(store: ImageStore, name: string): Promise<Target> {
  return await findTarget(store, name) ?? notFound(name);
}

/** @throws {ContainerError} NotFound */
export function notFound(name: string): never {
  throw new ContainerError(`use ${imageInWords(name)}: there is no such image in the store`, {
    code: "NotFound",
    hint:
      'Run gocontainer images to see what is there, with the source "store"; gocontainer pull gets ' +
      "more, and import makes one of an archive",
  });
}

/** As {@link resolveImage}, but undefined when there is none. The store holds what is found. */
export async function findImage(
  store: ImageStore,
  name: string,
  options: ResolveOptions = {},
): Promise<StoredImage | undefined> {
  const target = await findTarget(store, name);
  if (target === undefined) return undefined;
  const what = imageInWords(name);
  const manifests = await presentManifests(store, target.descriptor, what);
  const chosen = nearestTo(manifests, options.platform ?? hostPlatform()) ??
    (options.platform === undefined ? manifests[0] : undefined);
  if (chosen === undefined) return undefined;
  store.hold(target.descriptor, chosen);
  // It may have been removed before it was held; from now on all of it stays.
  if (!isThere(store.root, target.descriptor) || !isThere(store.root, chosen)) return undefined;
  const image = readImage(store, chosen, what);
  if (options.platform !== undefined) {
    const platform = platformOf(image.config);
    if (distance(platform, options.platform) === undefined) return undefined;
  }
  return {
    ...target.reference && { reference: target.reference },
    target: target.descriptor,
    ...image,
  };
}

/** What a name leads to, and the reference by which it does. */
export interface Target {
  readonly reference?: Reference;
  readonly descriptor: Descriptor;
}

/**
 * The manifest or index that a name leads to: as {@link findImage}, for those who take it as it is.
 *
 * @throws {ContainerError} InvalidArgument
 */
export async function findTarget(store: ImageStore, name: string): Promise<Target | undefined> {
  const entries = store.references();
  if (HASHED.test(name) && isDigest(name)) return await byDigest(store, entries, name);
  const named = findEntry(entries, name);
  if (named !== undefined) return named;
  const reference = tryReference(name);
  if (reference?.digest !== undefined) {
    // Pulled by tag, named by digest: the digest alone says what is in it.
    return await byDigest(store, entriesOf(entries, reference), reference.digest, reference);
  }
  const beginning = SHORT_ID.exec(name)?.[1];
  if (beginning !== undefined) return await byId(store, entries, beginning);
  // Says what is wrong with it.
  if (reference === undefined) parseReference(name);
  return undefined;
}

/** The entry that bears a name. */
export function findEntry(
  entries: readonly ReferenceEntry[],
  name: string,
): ReferenceEntry | undefined {
  const reference = tryReference(name);
  const full = reference === undefined ? undefined : formatReference(reference);
  return entries.find((entry) => entry.name !== undefined && entry.name === full) ??
    entries.find((entry) => entry.name === name);
}

/** The entries of a reference's repository, whatever their tags. */
export function entriesOf(
  entries: readonly ReferenceEntry[],
  { registry, repository }: Reference,
): ReferenceEntry[] {
  return entries.filter(({ reference }) =>
    reference?.registry === registry && reference.repository === repository
  );
}

async function byDigest(
  store: ImageStore,
  entries: readonly ReferenceEntry[],
  digest: Digest,
  reference?: Reference,
): Promise<Target | undefined> {
  const direct = entries.find(({ descriptor }) => descriptor.digest === digest);
  const named = (entry: ReferenceEntry, descriptor: Descriptor): Target => {
    const by = reference ?? entry.reference;
    return { ...by && { reference: by }, descriptor };
  };
  if (direct !== undefined) return named(direct, direct.descriptor);
  for (const entry of entries) {
    for (const manifest of await manifestsOrNone(store, entry.descriptor)) {
      if (manifest.digest === digest) return named(entry, manifest);
      if (reference === undefined && idOf(store, manifest) === digest) {
        return named(entry, manifest);
      }
    }
  }
  return undefined;
}

async function byId(
  store: ImageStore,
  entries: readonly ReferenceEntry[],
  beginning: string,
): Promise<Target | undefined> {
  const found = new Map<Digest, Target>();
  for (const { reference, descriptor } of entries) {
    for (const manifest of await manifestsOrNone(store, descriptor)) {
      const id = idOf(store, manifest);
      if (id === undefined || !hashOf(id).startsWith(beginning) || found.has(id)) continue;
      found.set(id, { ...reference && { reference }, descriptor: manifest });
    }
  }
  if (found.size > 1) {
    throw new ContainerError(`use ${imageInWords(beginning)}: ${found.size} ids begin so`, {
      code: "InvalidArgument",
      hint: "Give more of the id, or the name",
    });
  }
  return found.values().next().value;
}

function idOf(store: ImageStore, manifest: Descriptor): Digest | undefined {
  try {
    return readImage(store, manifest, "an image").id;
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}
