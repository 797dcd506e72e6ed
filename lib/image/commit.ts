import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { assertExtracted, type BaseImage, findBase } from "./base.ts";
import type { ImageConfig, ProcessConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import { addImage, addLayer, type ConfigParts, type MadeLayer } from "./make.ts";
import type { ImageStore } from "./store/store.ts";
import { treeArchive, type TreeOptions } from "./tree/reader.ts";

/** What is made an image of. */
export interface Changes {
  /** The folders of the layers below, absolute, the uppermost first. */
  readonly below: readonly string[];
  /** The image that those are of, where that was noted. */
  readonly image?: BaseImage;
  /** The folder with what was changed: an overlay's upper layer, absolute. */
  readonly upper: string;
  /** What of that is no change of the container's. */
  readonly leaveOut: NonNullable<TreeOptions["leaveOut"]>;
}

/** What the image's config says besides. */
export interface CommitOptions {
  readonly author?: string;
  readonly comment?: string;
  /** What the history calls it: `gocontainer commit box`. */
  readonly createdBy: string;
  /** Changes how the image wants to be run; undefined is given where the image below is not known. */
  config(base: ProcessConfig | undefined): ProcessConfig;
}

/**
 * Makes an image of changes and what lies below them. The layers below are taken from the image that
 * they are of, where the store has it, or else made anew of what was extracted.
 *
 * @throws {ContainerError}
 */
export async function commitImage(
  store: ImageStore,
  changes: Changes,
  options: CommitOptions,
): Promise<Descriptor> {
  const base = await findBase(store, changes.below, changes.image);
  const below = base.layers ?? await archiveAll(store, changes);
  const top = await archive(store, changes.upper, changes.leaveOut);
  const created = new Date().toISOString();
  const step = {
    created,
    created_by: options.createdBy,
    ...options.author === undefined ? {} : { author: options.author },
    ...options.comment === undefined ? {} : { comment: options.comment },
  };
  const { rootfs: _, history, ...others } = base.config ?? NOTHING;
  const parts: ConfigParts = {
    ...others,
    created,
    ...options.author === undefined ? {} : { author: options.author },
    config: options.config(base.config?.config),
    history: [...history ?? below.map(() => ({ created })), step],
  };
  return await addImage(store, [...below, top], parts);
}

const NOTHING: Partial<ImageConfig> = {};

async function archiveAll(store: ImageStore, { below, image }: Changes): Promise<MadeLayer[]> {
  assertExtracted(below, image);
  const layers: MadeLayer[] = [];
  for (const folder of below.toReversed()) layers.push(await archive(store, folder));
  return layers;
}

async function archive(
  store: ImageStore,
  path: string,
  leaveOut?: TreeOptions["leaveOut"],
): Promise<MadeLayer> {
  using root = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const options = { layer: true, ...leaveOut && { leaveOut } };
  return await addLayer(store, treeArchive(root.number, options));
}
