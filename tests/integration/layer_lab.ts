/** Images of layers made for a test, in a store and as others unpack them. */

import { gzipSync } from "node:zlib";
import { digestOf } from "../../lib/image/digest.ts";
import type { ImageConfig } from "../../lib/image/config.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST } from "../../lib/image/media_type.ts";
import { ensureLayers } from "../../lib/image/layer/ensure.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { resolveImage } from "../../lib/image/store/resolve.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { archive, type Member } from "../unit/image/tar_builder.ts";
import { manifest, run, sh, type TrialFolder } from "./image_lab.ts";

/** A layer of a test: its members, or the archive as it is. */
export type TestLayer = readonly Member[] | Uint8Array;

/** How the layers of a test are stored. */
export interface LayerForm {
  readonly mediaType: string;
  pack(archive: Uint8Array): Uint8Array;
}

export const PLAIN: LayerForm = { mediaType: OCI_LAYER, pack: (archive) => archive };
export const GZIP: LayerForm = {
  mediaType: OCI_LAYER_GZIP,
  pack: (archive) => new Uint8Array(gzipSync(archive)),
};

/** Puts an image into the store of an images folder. */
export async function putImage(
  imagesFolder: string,
  name: string,
  layers: readonly TestLayer[],
  options: { form?: LayerForm; config?: Partial<ImageConfig>; diffIds?: readonly string[] } = {},
): Promise<void> {
  const { form = PLAIN } = options;
  using store = ImageStore.open(imagesFolder);
  const archives = layers.map((layer) => layer instanceof Uint8Array ? layer : archive(layer));
  const descriptors = [];
  for (const archive of archives) {
    descriptors.push(await store.addBlob(form.mediaType, form.pack(archive)));
  }
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const config = await store.addBlob(
    OCI_CONFIG,
    json({
      os: "linux",
      architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids: options.diffIds ?? archives.map(digestOf) },
      ...options.config,
    }),
  );
  const descriptor = await store.addBlob(
    OCI_MANIFEST,
    json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: descriptors }),
  );
  store.setReference(parseReference(name), descriptor);
}

/** Extracts an image of the store; gives its layers' folders, the top one first. */
export async function extract(imagesFolder: string, name: string): Promise<string[]> {
  using store = ImageStore.open(imagesFolder);
  return await ensureLayers(store, await resolveImage(store, name));
}

/** What is in an overlay of folders, the top one first. */
export async function manifestOfOverlay(
  trial: TrialFolder,
  folders: readonly string[],
): Promise<Map<string, string>> {
  if (folders.length === 1) return await manifest(folders[0]!);
  const target = trial.folder(`overlay-${crypto.randomUUID()}`);
  run("mount", ["-t", "overlay", "overlay", "-o", `ro,lowerdir=${folders.join(":")}`, target]);
  try {
    return await manifest(target);
  } finally {
    run("umount", [target]);
  }
}

/** An image of the store as umoci unpacks it. */
export function unpackByUmoci(trial: TrialFolder, imagesFolder: string, name: string): string {
  const layout = copyLayout(trial, imagesFolder);
  const bundle = `${trial.path}/umoci-${crypto.randomUUID()}`;
  run("umoci", ["unpack", "--image", `${layout}:${name}`, bundle]);
  return `${bundle}/rootfs`;
}

/** Whether a program is installed. */
export function hasProgram(name: string): boolean {
  return new Deno.Command("/bin/sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
    .outputSync().success;
}

/** A copy of a store's image layout, in which images have their short names. */
function copyLayout(trial: TrialFolder, imagesFolder: string): string {
  const layout = `${trial.path}/layout-${crypto.randomUUID()}`;
  // umoci tidies up what it takes for an image layout.
  sh(`mkdir ${layout}; cd ${imagesFolder}/.store; cp -r oci-layout index.json blobs ${layout}`);
  const index = JSON.parse(Deno.readTextFileSync(`${layout}/index.json`));
  for (const { annotations } of index.manifests) {
    if (annotations === undefined) continue;
    const full = annotations["org.opencontainers.image.ref.name"];
    annotations["org.opencontainers.image.ref.name"] = full.replace(/^.*\/([^/:]+):.*$/, "$1");
  }
  Deno.writeTextFileSync(`${layout}/index.json`, JSON.stringify(index));
  return layout;
}

/**
 * An image of the store as podman unpacks it, without overlays.
 *
 * @param body is given the folder while it is there
 */
export async function unpackedByPodman(
  trial: TrialFolder,
  imagesFolder: string,
  name: string,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const layout = copyLayout(trial, imagesFolder);
  // It takes no longer path for its own than one of 50 characters.
  const runroot = Deno.makeTempDirSync({ dir: "/run", prefix: "p-" });
  const podman = (...args: string[]) =>
    run("podman", [
      "--root",
      `${trial.path}/podman`,
      "--runroot",
      runroot,
      "--storage-driver",
      "vfs",
      ...args,
    ]).trim();
  try {
    const id = podman("pull", "-q", `oci:${layout}:${name}`);
    await body(podman("image", "mount", id));
    podman("image", "umount", id);
  } finally {
    Deno.removeSync(runroot, { recursive: true });
  }
}
