import { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } from "../../../ffi/constants.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { Fd, fsync, openat, renameat2, writeAll } from "../../../ffi/file.ts";
import { ContainerError } from "../../errors.ts";
import { stringifyJSON } from "../../json.ts";
import type { Descriptor } from "../descriptor.ts";
import { type ImageIndex, isImageIndex, parseManifest } from "../manifest.ts";
import { OCI_INDEX } from "../media_type.ts";
import { formatReference, parseReference, type Reference } from "../reference.ts";
import { INDEX, REF_NAME } from "./layout.ts";
import { tryReadFile } from "./read_file.ts";

/** A name of an image, or an image that has lost its name to another one. */
export interface ReferenceEntry {
  /** In full; as it was written where that is no reference. Undefined for an image without a name. */
  readonly name?: string;
  /** The name, understood. */
  readonly reference?: Reference;
  /** The image's manifest or index. */
  readonly descriptor: Descriptor;
}

/** Tells an entry from the one that takes its place. */
export function keyOf({ name, descriptor }: ReferenceEntry): string {
  return `${name ?? ""} ${descriptor.digest}`;
}

/** The most bytes of `index.json`: some 100,000 references. */
const INDEX_LIMIT = 32 * 1024 * 1024;

const REPAIR_HINT = "Run gocontainer images check --repair";

/**
 * The references of a store, in the order in which they were made.
 *
 * @param root the open store
 * @param folder its path, for messages
 * @throws {ContainerError} InvalidArchive when the file is damaged, or lost
 */
export function readReferences(root: number, folder: string): ReferenceEntry[] {
  const [bytes, what] = [tryReadFile(root, INDEX, INDEX_LIMIT), `${folder}/${INDEX}`];
  // A store has one from its beginning.
  if (bytes === undefined) {
    throw new ContainerError(`${what}: it is not there`, {
      code: "InvalidArchive",
      hint: REPAIR_HINT,
    });
  }
  return parseReferences(bytes, what);
}

/**
 * The references in the content of an `index.json`.
 *
 * @param what what errors call it
 */
function parseReferences(bytes: Uint8Array, what: string): ReferenceEntry[] {
  let index: ImageIndex;
  try {
    const document = parseManifest(bytes, OCI_INDEX, what, INDEX_LIMIT);
    if (!isImageIndex(document)) throw new TypeError("a document of the type of an index is one");
    index = document;
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(error.message, {
      code: error.code,
      hint: REPAIR_HINT,
      cause: error,
    });
  }
  return index.manifests.map((descriptor) => {
    const name = descriptor.annotations?.[REF_NAME];
    if (name === undefined) return { descriptor };
    const reference = tryParse(name);
    return {
      name: reference === undefined ? name : formatReference(reference),
      ...reference && { reference },
      descriptor,
    };
  });
}

/** Other programs write into layouts what they like. */
function tryParse(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

/**
 * Writes the references anew, whole or not at all, on the disk when it returns.
 *
 * @param root the open store, whose lock the caller has, exclusive
 * @throws {ContainerError} Unsupported where there are more than could be read again
 */
export function writeReferences(root: number, entries: readonly ReferenceEntry[]): void {
  const text = indexOf(entries, tryIndex(root));
  if (new TextEncoder().encode(text).length > INDEX_LIMIT) {
    throw new ContainerError(
      `write ${INDEX} with ${entries.length} names of images: it would have more than ${INDEX_LIMIT} bytes`,
      { code: "Unsupported", hint: "Remove names by rmi, or use another images folder (-i)" },
    );
  }
  replaceFile(root, INDEX, text);
  fsync(root);
}

/** The `index.json` as it is; undefined where there is none, or none that can be read. */
function tryIndex(root: number): ImageIndex | undefined {
  try {
    const bytes = tryReadFile(root, INDEX, INDEX_LIMIT);
    const index = bytes && parseManifest(bytes, OCI_INDEX, INDEX, INDEX_LIMIT);
    return index && isImageIndex(index) ? index : undefined;
  } catch (error) {
    if (error instanceof ContainerError) return undefined;
    throw error;
  }
}

/**
 * What a new reference takes over of a descriptor that came from outside. The other members could be of
 * any size, and the file has a limit.
 */
export function listed(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, annotations, artifactType, platform } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...annotations && { annotations },
    ...artifactType && { artifactType },
    ...platform && { platform },
  };
}

/**
 * The content of an `index.json`.
 *
 * @param before the one that it takes the place of: what else that says stays, as other programs write
 *   into layouts what they like
 */
export function indexOf(entries: readonly ReferenceEntry[], before?: ImageIndex): string {
  const manifests = entries.map(({ name, descriptor: { annotations, ...others } }) => ({
    ...others,
    ...withoutEmpty("annotations", { ...annotations, [REF_NAME]: name }),
  }));
  return stringifyJSON({ ...before, schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

function withoutEmpty(
  name: string,
  members: Record<string, string | undefined>,
): Record<string, Record<string, string>> {
  const kept = Object.entries(members).filter((one): one is [string, string] =>
    one[1] !== undefined
  );
  return kept.length === 0 ? {} : { [name]: Object.fromEntries(kept) };
}

/**
 * Gives a file of an open folder new content: what is read there is all of the one or of the other,
 * after a crash too.
 */
export function replaceFile(root: number, name: string, text: string): void {
  const fresh = `${name}.new`;
  {
    using file = new Fd(openat(root, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600));
    writeAll(file.number, cstring(text).subarray(0, -1));
    fsync(file.number);
  }
  renameat2(root, fresh, root, name);
}
