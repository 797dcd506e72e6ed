import { ContainerError } from "../errors.ts";
import { surviveFileSizeLimit } from "../file_size_limit.ts";
import { findSafeFolder } from "../folder.ts";
import { extractRootfs } from "../image/extract.ts";
import { noSuchImage } from "../image/missing.ts";
import { checkImageName, isImageName } from "../image/name.ts";
import { distance, formatPlatform, hostPlatform, parsePlatform } from "../image/platform.ts";
import { parseReference } from "../image/reference.ts";
import { findSource, type ImageSource } from "../image/source.ts";
import { platformOf, type StoredImage } from "../image/store/image.ts";
import { findImage } from "../image/store/resolve.ts";
import { StoreOnDemand } from "../image/store/on_demand.ts";
import type { ImageStore } from "../image/store/store.ts";
import { isIndex } from "../image/media_type.ts";
import { printable, quote } from "../quote.ts";
import { warn } from "../trace.ts";
import { plainImage, type ReadyImage } from "./image.ts";
import type { RunOptions } from "./options.ts";
import { storedImage } from "./stored_image.ts";

/**
 * Makes an image ready that takes more than a look: extracts an archive, or takes an image of the
 * store, after it was pulled where that is wanted.
 *
 * @throws {ContainerError}
 */
export async function extractOrPull(options: RunOptions): Promise<ReadyImage> {
  const { image: name, imagesFolder, pull } = options;
  using _ = surviveFileSizeLimit();
  const source = isImageName(name) ? findSource(findSafeFolder(imagesFolder), name) : undefined;
  // The one in the binary is there for who cannot pull; those of the images folder are the user's own.
  if (source !== undefined && (source.kind !== "embedded" || pull !== "always")) {
    if (pull === "always") {
      warn(`image ${quote(name)} is one of the images folder: it is not pulled`);
    }
    assertPlatform(source, options);
    return plainImage((await extractRootfs(imagesFolder, name)).path);
  }
  assertImageName(name);
  using undo = new DisposableStack();
  const stores = undo.use(new StoreOnDemand(imagesFolder));
  if (stores.present === undefined) assertMayPull(options);
  const image = await findOrPull(stores, options);
  const ready = await storedImage(stores.make(), image, name);
  undo.move();
  return ready;
}

/** The user's own root file systems say nothing of platforms; the one in the binary is for this machine. */
function assertPlatform(source: ImageSource, { image, platform }: RunOptions): void {
  if (platform === undefined) return;
  const wanted = parsePlatform(platform);
  const own = hostPlatform();
  if (source.kind !== "embedded" || distance(own, wanted) !== undefined) return;
  throw new ContainerError(
    `use image ${quote(image)} for ${formatPlatform(wanted)}: the one in the binary is for ${
      formatPlatform(own)
    }`,
    {
      code: "Unsupported",
      hint: `Give the name of one to pull in full, as in docker.io/library/${image}`,
    },
  );
}

/** Makes sure that an image may be pulled, where there is no store yet that it could be in. */
function assertMayPull({ image: name, imagesFolder, pull }: RunOptions): void {
  const missing = noSuchImage(imagesFolder, name);
  // A file of that name which cannot be read is what was meant.
  if (pull === "never" || missing.code !== "NotFound") throw missing;
}

async function findOrPull(stores: StoreOnDemand, options: RunOptions): Promise<StoredImage> {
  const { image: name, imagesFolder, platform, pull } = options;
  const here = pull === "always" || stores.present === undefined
    ? undefined
    : await findHere(stores.present, options);
  if (here !== undefined) return here;
  if (pull !== "never") {
    const { pullForRun } = await import("./pull_image.ts");
    await pullForRun(stores, options, pull === "missing");
    const pulled = await findHere(stores.make(), { ...options, pull: "never" });
    if (pulled !== undefined) return pulled;
  }
  throw noSuchImage(
    imagesFolder,
    name,
    platform === undefined ? undefined : parsePlatform(platform),
  );
}

/**
 * Makes sure that a text is a name of the images folder or of the store.
 *
 * @throws {ContainerError} InvalidArgument, in the words of what it was meant to be
 */
function assertImageName(name: string): void {
  if (isImageName(name)) return;
  if (/[/:@]/.test(name)) parseReference(name);
  else checkImageName(name);
}

/**
 * The image of the store that a name means. One for another platform counts where that is all there
 * can be: what an index lists for this machine may still be pulled.
 */
async function findHere(
  store: ImageStore,
  { image: name, platform, pull }: RunOptions,
): Promise<StoredImage | undefined> {
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const image = await findImage(store, name, { platform: wanted });
  if (image !== undefined || platform !== undefined) return image;
  const other = await findImage(store, name);
  if (other === undefined || (isIndex(other.target.mediaType) && pull !== "never")) {
    return undefined;
  }
  const has = formatPlatform(platformOf(other.config));
  warn(`image ${quote(name)} is for ${printable(has)}, this machine is ${formatPlatform(wanted)}`);
  return other;
}
