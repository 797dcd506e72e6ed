import { ContainerError } from "../errors.ts";
import { findSafeFolder, shellWord } from "../folder.ts";
import { nearest } from "../nearest.ts";
import { readEmbeddedImage } from "./embedded.ts";
import { listImages } from "./list.ts";
import { formatPlatform, hostPlatform, type Platform } from "./platform.ts";
import { ARCHIVE_ENDINGS } from "./source.ts";
import { nameOf } from "./store/listing.ts";
import type { ReferenceEntry } from "./store/references.ts";
import { findEntry } from "./store/resolve.ts";
import { ImageStore } from "./store/store.ts";

/** How many images are named at most. */
const NAMED = 10;

/**
 * The error for an image that is not there: says what is there instead, nearest first.
 *
 * @param platform that it has to be for; without, this machine's
 */
export function noSuchImage(
  imagesFolder: string,
  name: string,
  platform: Platform = hostPlatform(),
): ContainerError {
  const folder = findSafeFolder(imagesFolder);
  const unreadable = folder === undefined ? undefined : unreadableFile(folder, name);
  if (unreadable !== undefined) {
    const endings = `${ARCHIVE_ENDINGS.slice(0, -1).join(", ")} and ${ARCHIVE_ENDINGS.at(-1)}`;
    return new ContainerError(
      `use image ${JSON.stringify(name)}: ${JSON.stringify(unreadable)} in ${
        JSON.stringify(folder)
      } is of a kind that cannot be read`,
      { code: "Unsupported", hint: `These can: an extracted folder, ${endings}` },
    );
  }
  if (isStored(imagesFolder, name)) {
    return new ContainerError(
      `use image ${JSON.stringify(name)}: the one for ${formatPlatform(platform)} is not in ${
        JSON.stringify(folder)
      }`,
      { code: "NotFound", hint: `What is there of it: gocontainer inspect ${shellWord(name)}` },
    );
  }
  const where = folder === undefined
    ? `the folder ${JSON.stringify(imagesFolder)} does not exist`
    : `there is no such image in ${JSON.stringify(folder)}`;
  return new ContainerError(`use image ${JSON.stringify(name)}: ${where}`, {
    code: "NotFound",
    hint: whatIsThere(imagesFolder, name),
  });
}

/** The image of the folder, or in the binary, that a name was most likely meant to be. */
export function meantImage(imagesFolder: string, name: string): string | undefined {
  return isAlpineReplaced(name) ? "busybox" : nearest(name, namesIn(imagesFolder));
}

/** Whether it is Alpine, in whose place the binary brings what was to be had when it was built. */
function isAlpineReplaced(name: string): boolean {
  return name === "alpine" && readEmbeddedImage()?.name === "busybox";
}

function namesIn(imagesFolder: string): string[] {
  const plain = listImages(imagesFolder).map((image) => image.name);
  return [...new Set([...plain, ...storedNames(imagesFolder)])];
}

function storedNames(imagesFolder: string): string[] {
  return referencesIn(imagesFolder).flatMap((entry) => nameOf(entry) ?? []).sort();
}

/** Whether there is one of that name, be it for another platform. */
function isStored(imagesFolder: string, name: string): boolean {
  return findEntry(referencesIn(imagesFolder), name) !== undefined;
}

/** A store that cannot be read is told of elsewhere. */
function referencesIn(imagesFolder: string): readonly ReferenceEntry[] {
  try {
    using store = ImageStore.find(imagesFolder);
    return store?.references() ?? [];
  } catch (error) {
    if (error instanceof ContainerError) return [];
    throw error;
  }
}

function whatIsThere(imagesFolder: string, name: string): string {
  const names = namesIn(imagesFolder);
  const meant = nearest(name, names);
  const sorted = meant === undefined ? names : [meant, ...names.filter((one) => one !== meant)];
  const shown = sorted.slice(0, NAMED).map((one) => JSON.stringify(one)).join(", ");
  const more = sorted.length > NAMED ? ` and ${sorted.length - NAMED} more` : "";
  const there = names.length === 0
    ? `Put a root file system there: a folder ${name}, or an archive such as ${name}.tar.gz`
    : meant === undefined
    ? `There are: ${shown}${more}`
    : `Did you mean ${JSON.stringify(meant)}? There are: ${shown}${more}`;
  return isAlpineReplaced(name)
    ? "Alpine was not to be had when gocontainer was built, so it brings busybox instead: " +
      "gocontainer busybox /bin/sh"
    : there;
}

/** A file that was meant to be the image: of its name with some other ending, or none. */
function unreadableFile(folder: string, name: string): string | undefined {
  for (const { name: file, isFile } of Deno.readDirSync(folder)) {
    if (!isFile || ARCHIVE_ENDINGS.some((ending) => file.endsWith(ending))) continue;
    if (file === name || file.startsWith(`${name}.`)) return file;
  }
  return undefined;
}
