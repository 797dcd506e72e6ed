import { compressionOf } from "../compression/kind.ts";
import { CONFIG_LIMIT, parseConfig } from "../config.ts";
import type { Descriptor } from "../descriptor.ts";
import { ArchiveFault } from "../fault.ts";
import { parseJSON } from "../../json.ts";
import { MANIFEST_LIMIT } from "../manifest.ts";
import {
  OCI_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "../media_type.ts";
import type { ImageStore } from "../store/store.ts";
import type { SavedFiles } from "./files.ts";
import type { LoadedImage } from "./load.ts";
import { referencesOf } from "./names.ts";

/** The list of images that `docker save` writes. */
export const DOCKER_LIST = "manifest.json";

/** One of them: paths of its config and layers, and its names. */
interface DockerImage {
  Config: string;
  RepoTags?: string[] | null;
  Layers: string[];
}

/**
 * Loads the images of `docker save`. Each gets a manifest of its own making, as they are saved without.
 */
export async function loadDocker(store: ImageStore, files: SavedFiles): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  for (const { Config, RepoTags, Layers } of readList(files)) {
    const descriptor = await putImage(store, files, Config, Layers);
    const references = referencesOf(RepoTags ?? []);
    if (references.length === 0) images.push({ descriptor });
    for (const reference of references) images.push({ reference, descriptor });
  }
  return images;
}

/** The names of images by the paths of their configs; none where docker's list is missing. */
export function namesByConfig(files: SavedFiles): Map<string, readonly string[]> {
  if (!files.has(DOCKER_LIST)) return new Map();
  return new Map(readList(files).map(({ Config, RepoTags }) => [Config, RepoTags ?? []]));
}

async function putImage(
  store: ImageStore,
  files: SavedFiles,
  configPath: string,
  layerPaths: readonly string[],
): Promise<Descriptor> {
  // Each is read once, however often it is listed.
  const stored = new Map<string, Descriptor>();
  for (const path of new Set(layerPaths)) {
    stored.set(path, await files.put(path, store, layerType(files, path)));
  }
  const layers = layerPaths.map((path) => stored.get(path)!);
  const bytes = files.read(configPath, CONFIG_LIMIT);
  const { rootfs } = parseConfig(bytes, { layers }, configPath);
  layers.forEach(({ mediaType, digest }, index) => {
    if (mediaType !== OCI_LAYER || digest === rootfs.diff_ids[index]) return;
    throw new ArchiveFault(
      `is broken: its ${JSON.stringify(layerPaths[index])} is ${digest}, and the config says ` +
        `${rootfs.diff_ids[index]}`,
    );
  });
  const config = await store.addBlob(OCI_CONFIG, bytes);
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
  return await store.addBlob(OCI_MANIFEST, new TextEncoder().encode(JSON.stringify(manifest)));
}

function layerType(files: SavedFiles, path: string): string {
  const beginning = files.beginning(path);
  const compression = beginning.length === 0 ? "none" : compressionOf(beginning);
  switch (compression) {
    case "none":
      return OCI_LAYER;
    case "gzip":
      return OCI_LAYER_GZIP;
    case "zstd":
      return OCI_LAYER_ZSTD;
    case "xz":
      throw new ArchiveFault(
        `has the layer ${JSON.stringify(path)} compressed by xz, for which images have no name`,
      );
  }
}

function readList(files: SavedFiles): DockerImage[] {
  const bytes = files.read(DOCKER_LIST, MANIFEST_LIMIT);
  const list = parseJSON(bytes, {
    what: DOCKER_LIST,
    maxBytes: MANIFEST_LIMIT,
    code: "InvalidArchive",
  });
  if (Array.isArray(list) && list.every(isDockerImage)) return list;
  if (typeof list === "object" && list !== null && "schemaVersion" in list) {
    throw new ArchiveFault("holds an image as skopeo's dir: and podman's docker-dir have it", {
      hint: "Make a layout of it: skopeo copy dir:FOLDER oci:LAYOUT",
    });
  }
  throw new ArchiveFault(`is broken: its ${DOCKER_LIST} is no list of images`);
}

function isDockerImage(value: unknown): value is DockerImage {
  if (typeof value !== "object" || value === null) return false;
  const { Config, RepoTags, Layers } = value as Partial<Record<keyof DockerImage, unknown>>;
  const isTexts = (list: unknown) =>
    Array.isArray(list) && list.every((one) => typeof one === "string");
  return typeof Config === "string" && isTexts(Layers) && isTexts(RepoTags ?? []);
}
