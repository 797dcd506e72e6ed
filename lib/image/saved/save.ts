import type { Descriptor } from "../descriptor.ts";
import { type Digest, Verifier } from "../digest.ts";
import { OCI_INDEX } from "../media_type.ts";
import { piecesOf } from "../pieces.ts";
import { formatReference, type Reference } from "../reference.ts";
import type { StoredImage } from "../store/image.ts";
import { INDEX, LAYOUT_VERSION, OCI_LAYOUT, REF_NAME } from "../store/layout.ts";
import type { ImageStore } from "../store/store.ts";
import type { TarEntry } from "../tar/entry.ts";
import { END_MARK, padding, tarHeader } from "../tar/writer.ts";
import { DOCKER_LIST } from "./docker.ts";
import { CONTAINERD_NAME, pathOf } from "./layout.ts";

/** An image that is saved: as it is in the store, and by which names. */
export interface SavedImage {
  readonly image: Pick<StoredImage, "descriptor" | "manifest">;
  /** The index that it is one of, and after it all below it that there is, where that is saved too. */
  readonly whole?: readonly Descriptor[];
  readonly references: readonly Reference[];
}

/** A file of what is saved: its bytes, or the blob that it is. */
export type SavedFile = readonly [path: string, content: Uint8Array<ArrayBuffer> | Descriptor];

/**
 * The files that images become: an OCI image layout, and with `docker` what docker of any age reads
 * beside it. The same images always give the same files.
 */
export function savedFiles(
  images: readonly SavedImage[],
  options: { docker: boolean },
): SavedFile[] {
  const blobs = new Map<Digest, Descriptor>();
  for (const { image: { descriptor, manifest }, whole = [] } of images) {
    for (const one of [descriptor, manifest.config, ...manifest.layers, ...whole]) {
      blobs.set(one.digest, one);
    }
  }
  const files: SavedFile[] = [...blobs.values()].map((blob) => [pathOf(blob), blob] as const);
  files.push([INDEX, json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: listed(images) })]);
  if (options.docker) {
    files.push([DOCKER_LIST, json(images.map(dockerImage))]);
    files.push(["repositories", json(repositories(images))]);
  }
  files.push([OCI_LAYOUT, new TextEncoder().encode(LAYOUT_VERSION)]);
  return files.sort(([a], [b]) => a < b ? -1 : 1);
}

/** The files as a tar archive. */
export function* savedArchive(
  store: ImageStore,
  files: readonly SavedFile[],
): Generator<Uint8Array<ArrayBuffer>> {
  const folders = new Set<string>();
  for (const [path, content] of files) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const folder = path.slice(0, at);
      if (!folders.has(folder)) {
        yield tarHeader({ ...MEMBER, name: folder, type: "folder", mode: 0o755 });
      }
      folders.add(folder);
    }
    const size = content instanceof Uint8Array ? content.length : content.size;
    yield tarHeader({ ...MEMBER, name: path, size });
    yield* contentOf(store, content);
    yield padding(size);
  }
  yield END_MARK;
}

/**
 * A file's content; that of a blob is verified once more as it is read.
 *
 * @throws {ContainerError} NotFound, InvalidArchive
 */
export function* contentOf(
  store: ImageStore,
  content: SavedFile[1],
): Generator<Uint8Array<ArrayBuffer>> {
  if (content instanceof Uint8Array) {
    yield content;
    return;
  }
  using blob = store.openBlob(content.digest);
  const verifier = new Verifier(content.digest);
  for (const piece of piecesOf(blob.number)) {
    verifier.update(piece);
    yield piece;
  }
  verifier.assert(content.digest);
}

const MEMBER: TarEntry = {
  type: "file",
  name: "",
  linkname: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  size: 0,
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

/** One descriptor for each name of an image, or one without. */
function listed(images: readonly SavedImage[]): Descriptor[] {
  return images.flatMap(({ image, whole, references }) => {
    const descriptor = whole?.[0] ?? image.descriptor;
    if (references.length === 0) return [descriptor];
    return references.map(formatReference).map((name) => ({
      ...descriptor,
      annotations: { [CONTAINERD_NAME]: name, [REF_NAME]: name },
    }));
  });
}

function dockerImage({ image: { manifest }, references }: SavedImage) {
  return {
    Config: pathOf(manifest.config),
    // In full: podman takes a short one for one of its own.
    RepoTags: references.map(formatReference),
    Layers: manifest.layers.map(pathOf),
  };
}

/** What docker before 1.10 goes by: the top layer of each tag of each repository. */
function repositories(images: readonly SavedImage[]): Record<string, Record<string, string>> {
  const all: Record<string, Record<string, string>> = {};
  for (const { image, references } of images) {
    const top = image.manifest.layers.at(-1);
    for (const { tag, registry, repository } of references) {
      if (tag === undefined || top === undefined) continue;
      const name = formatReference({ registry, repository });
      (all[name] ??= {})[tag] = top.digest.slice(top.digest.indexOf(":") + 1);
    }
  }
  return all;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
