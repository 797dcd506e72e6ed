import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import type { Digest } from "../digest.ts";
import { tryReference } from "../reference.ts";
import { imageInWords, manifestsOrNone } from "./image.ts";
import { nameOf } from "./listing.ts";
import { keyOf, type ReferenceEntry } from "./references.ts";
import { entriesOf, findEntry, requireTarget } from "./resolve.ts";
import type { ImageStore } from "./store.ts";
import { sweep, type Swept, type Users } from "./sweep.ts";

/**
 * Removes an image: the name that is given, or all names where it is meant by its id or digest, or all
 * of a repository where that stands before the digest; then what nothing leads to any more.
 *
 * @param options.force also when it has several names and is meant by none of them, and when something
 *   works with it; what is in use stays until `prune`
 * @throws {ContainerError} NotFound; InUse, for which `force` is the way
 */
export async function removeImage(
  store: ImageStore,
  name: string,
  options: { force: boolean },
): Promise<Swept> {
  const chosen = await chooseEntries(store, name);
  const what = imageInWords(name);
  if (chosen.length > 1 && !options.force) {
    const names = chosen.map((entry) => nameOf(entry) ?? entry.descriptor.digest);
    throw new ContainerError(`remove ${what}: it has ${chosen.length} names`, {
      code: "InUse",
      hint: `Give one of them, or -f for all: ${names.join(", ")}`,
    });
  }
  const manifests = await digestsOf(store, chosen);
  const keys = new Set(chosen.map(keyOf));
  const isChosen = (entry: ReferenceEntry) => keys.has(keyOf(entry));
  let staying: Set<Digest> | undefined;
  return sweep(store, {
    all: false,
    drop(entry, users, entries) {
      if (!isChosen(entry)) return false;
      staying ??= new Set(
        entries.filter((one) => !isChosen(one)).map(({ descriptor }) => descriptor.digest),
      );
      const stays = staying.has(entry.descriptor.digest);
      if (!stays && !options.force) refuseInUse(what, manifests, users);
      return true;
    },
  });
}

async function chooseEntries(store: ImageStore, name: string): Promise<ReferenceEntry[]> {
  const entries = store.references();
  const named = findEntry(entries, name);
  if (named !== undefined) return [named];
  const { digest } = (await requireTarget(store, name)).descriptor;
  const reference = tryReference(name);
  const meant = reference?.digest === undefined ? entries : entriesOf(entries, reference);
  const chosen: ReferenceEntry[] = [];
  for (const entry of meant) {
    if ((await digestsOf(store, [entry])).has(digest)) chosen.push(entry);
  }
  return chosen;
}

/** The manifests and indexes that some references lead to; of damaged ones as far as can be seen. */
async function digestsOf(
  store: ImageStore,
  entries: readonly ReferenceEntry[],
): Promise<Set<Digest>> {
  const digests = new Set<Digest>();
  for (const { descriptor } of entries) {
    digests.add(descriptor.digest);
    for (const { digest } of await manifestsOrNone(store, descriptor)) digests.add(digest);
  }
  return digests;
}

function refuseInUse(what: string, manifests: ReadonlySet<Digest>, users: Users): void {
  const user = users.find(({ digest }) => manifests.has(digest));
  if (user === undefined) return;
  throw new ContainerError(
    `remove ${what}: ${user.by === undefined ? "another process" : printableUser(user.by)} uses it`,
    { code: "InUse", hint: "Wait for its end, or remove the name alone with -f" },
  );
}

function printableUser(user: string): string {
  return `container ${quote(user)}`;
}
