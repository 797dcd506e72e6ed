import type { Digest } from "../digest.ts";
import type { Descriptor } from "../descriptor.ts";
import { formatReference, type Reference } from "../reference.ts";
import { listed, type ReferenceEntry } from "./references.ts";

/** An image that is to be listed: by a name, or without one where it has none yet. */
export interface Named {
  readonly reference?: Reference;
  /** Of its manifest or index. */
  readonly descriptor: Descriptor;
}

/**
 * The references with others added, one after another: however many there are, each is looked at once. The image
 * that a name led to before stays, without a name. One without a name is listed where nothing leads to it yet.
 *
 * @returns undefined where nothing changes
 */
export function withAdded(
  entries: readonly ReferenceEntry[],
  added: readonly Named[],
): readonly ReferenceEntry[] | undefined {
  const list = new List(entries);
  let isChanged = false;
  for (const { reference, descriptor } of added) {
    if (reference !== undefined) list.name(formatReference(reference), reference, descriptor);
    else if (list.has(descriptor.digest)) continue;
    else list.add({ descriptor: listed(descriptor) });
    isChanged = true;
  }
  return isChanged ? list.entries() : undefined;
}

/** References in their order, found by name and by what they lead to. */
class List {
  readonly #entries = new Set<ReferenceEntry>();
  readonly #byName = new Map<string, Set<ReferenceEntry>>();
  readonly #byDigest = new Map<Digest, Set<ReferenceEntry>>();
  /** Those of a digest that have no name. */
  readonly #unnamed = new Map<Digest, Set<ReferenceEntry>>();

  constructor(entries: readonly ReferenceEntry[]) {
    entries.forEach((entry) => this.add(entry));
  }

  entries(): ReferenceEntry[] {
    return [...this.#entries];
  }

  has(digest: Digest): boolean {
    return this.#byDigest.has(digest);
  }

  add(entry: ReferenceEntry): void {
    this.#entries.add(entry);
    for (const [map, key] of this.#placesOf(entry)) {
      const found = map.get(key);
      if (found === undefined) map.set(key, new Set([entry]));
      else found.add(entry);
    }
  }

  name(name: string, reference: Reference, descriptor: Descriptor): void {
    const [before] = this.#byName.get(name) ?? [];
    const unnamed = [...this.#unnamed.get(descriptor.digest) ?? []];
    const isSame = before?.descriptor.digest === descriptor.digest;
    const same = isSame ? before : unnamed[0];
    for (const entry of [...this.#byName.get(name) ?? [], ...unnamed]) this.#remove(entry);
    if (before !== undefined && !isSame && !this.has(before.descriptor.digest)) {
      this.add({ descriptor: before.descriptor });
    }
    // What else was noted of it stays.
    this.add({ name, reference, descriptor: { ...same?.descriptor, ...listed(descriptor) } });
  }

  #remove(entry: ReferenceEntry): void {
    this.#entries.delete(entry);
    for (const [map, key] of this.#placesOf(entry)) {
      const found = map.get(key);
      found?.delete(entry);
      if (found?.size === 0) map.delete(key);
    }
  }

  *#placesOf(
    { name, descriptor: { digest } }: ReferenceEntry,
  ): Generator<[Map<string, Set<ReferenceEntry>>, string]> {
    yield [this.#byDigest, digest];
    yield name === undefined ? [this.#unnamed, digest] : [this.#byName, name];
  }
}
