import { ContainerError, reasonOf, SysError, UsageError } from "../../errors.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { isManifest } from "../../image/media_type.ts";
import { formatPlatform, parsePlatform } from "../../image/platform.ts";
import type { Reference } from "../../image/reference.ts";
import { findArtifact } from "../../image/saved/artifact.ts";
import { savedArchive, savedFiles, type SavedImage } from "../../image/saved/save.ts";
import { saveLayout } from "../../image/saved/save_layout.ts";
import { presentBelow } from "../../image/saved/whole.ts";
import {
  imageInWords,
  platformOf,
  presentManifests,
  type StoredImage,
} from "../../image/store/image.ts";
import { notFound, resolveImage } from "../../image/store/resolve.ts";
import { ImageStore } from "../../image/store/store.ts";
import { printable, quote } from "../../quote.ts";
import { warn } from "../../trace.ts";
import type { Command } from "../command.ts";
import { outputError, writeOutput } from "./files.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "./options.ts";

const FORMATS = ["docker", "oci", "layout"];

/** What podman calls them. */
const PODMANS_FORMATS: ReadonlyMap<string, string> = new Map([
  ["docker-archive", "docker"],
  ["oci-archive", "oci"],
  ["oci-dir", "layout"],
]);

/** `gocontainer save IMAGE...`. */
export const command: Command = {
  synopsis: ["save [OPTIONS] IMAGE..."],
  summary:
    "Writes images of the store to an archive that gocontainer, docker, podman and skopeo load,\n" +
    "with the names that were given. Without -o it goes to standard output. Of an image of several\n" +
    "platforms one is written, this machine's if it is there, unless -all is given. Where the store\n" +
    "has one alone, docker's format keeps its index, and with that its digest and attestations.\n" +
    "What is no image but an artifact goes into the other formats.",
  options: [
    IMAGES_OPTION,
    PLATFORM_OPTION,
    { name: "all", alias: "a", help: "all platforms of an image that are in the store" },
    {
      name: "o",
      alias: "output",
      value: "FILE",
      help: "write to this file, or with -format layout folder",
    },
    {
      name: "format",
      value: "FORMAT",
      help:
        "docker (default; an OCI layout too), oci, or layout: a folder that is an OCI image layout",
    },
    // Nothing is told, and any number of images can be saved.
    { name: "quiet", alias: "q" },
    { name: "multi-image-archive", alias: "m" },
    { name: "compress", instead: "Compress the archive: gocontainer save IMAGE | gzip > FILE" },
  ],
  words: { least: 1 },
  async run(args) {
    const given = args.text("format") ?? "docker";
    const format = PODMANS_FORMATS.get(given) ?? given;
    const output = args.text("o");
    if (!FORMATS.includes(format)) {
      throw new UsageError(`save as ${quote(format)}: the formats are ${FORMATS.join(", ")}`);
    }
    if (format === "layout" && (output === undefined || output === "-")) {
      throw new UsageError("save as a folder: it is missing", { hint: "Give it by -o FOLDER" });
    }
    const [platform, all] = [args.text("platform"), args.flag("all") ?? false];
    if (all && platform !== undefined) {
      throw new UsageError("save all platforms: -platform chooses one of them", {
        hint: "Leave out one of both",
      });
    }
    using store = ImageStore.find(imagesFolderOf(args));
    if (store === undefined) notFound(args.rest[0]!);
    const docker = format === "docker";
    const images = await imagesOf(store, args.rest, { platform, all, docker });
    const files = savedFiles(images, { docker });
    if (format === "layout") save(store, files, output!);
    else writeOutput(output, savedArchive(store, files));
    return 0;
  },
};

function save(store: ImageStore, files: ReturnType<typeof savedFiles>, folder: string): void {
  try {
    saveLayout(store, files, folder);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const name = `the folder ${quote(folder)}`;
    if (error.code !== "EEXIST") throw outputError(name, error);
    throw new ContainerError(`write ${name}: ${reasonOf(error)}`, {
      hint: "Give a folder that is empty, or that is not there yet",
      cause: error,
    });
  }
}

/** How an image for several platforms is saved. */
interface Wishes {
  readonly platform: string | undefined;
  readonly all: boolean;
  /** Whether docker's own list says which one is meant, for those who cannot choose from an index. */
  readonly docker: boolean;
}

/** Names that lead to the same image go together. */
async function imagesOf(
  store: ImageStore,
  names: readonly string[],
  wishes: Wishes,
): Promise<SavedImage[]> {
  const images = new Map<string, Omit<SavedImage, "references"> & { references: Reference[] }>();
  const { platform } = wishes;
  const options = platform === undefined ? {} : { platform: parsePlatform(platform) };
  for (const name of names) {
    const artifact = await artifactOf(store, name, wishes);
    const { reference, ...image } = artifact ?? await resolveImage(store, name, options);
    const whole = "target" in image ? await wholeOf(store, name, image, wishes) : undefined;
    const { digest } = whole?.[0] ?? image.descriptor;
    const saved = images.get(digest) ?? { image, ...whole && { whole }, references: [] };
    if (reference?.tag !== undefined) saved.references.push({ ...reference, digest: undefined });
    images.set(digest, saved);
  }
  return [...images.values()];
}

/** What a name leads to where that is no image, which docker's format has no place for. */
async function artifactOf(store: ImageStore, name: string, { docker }: Wishes) {
  const artifact = await findArtifact(store, name);
  if (artifact === undefined || !docker) return artifact;
  throw new ContainerError(
    `save ${quote(name)}: docker's format is for images, and this is an artifact of type ${
      quote(artifact.type)
    }`,
    { code: "Unsupported", hint: "Give -format oci, or -format layout" },
  );
}

/**
 * The index that an image is one of, with all that is there of it, where that is saved: when it is asked for, and, as
 * docker does, when the image is the only one that is there. What is not saved is told.
 */
async function wholeOf(
  store: ImageStore,
  name: string,
  { target, descriptor, config }: Omit<StoredImage, "reference">,
  { platform, all, docker }: Wishes,
): Promise<Descriptor[] | undefined> {
  const isAsked = all || platform === undefined;
  if (target.digest === descriptor.digest || !isAsked) return undefined;
  const what = imageInWords(name);
  const whole = presentBelow(store, target, what);
  const images = await presentManifests(store, target, what);
  if (all || (docker && images.length === 1)) return whole;
  const isImage = new Set([target, ...images].map(({ digest }) => digest));
  const others = images.filter(({ digest }) => digest !== descriptor.digest)
    .map(({ platform, digest }) =>
      platform === undefined ? digest : printable(formatPlatform(platform))
    );
  const attested = whole.some(({ mediaType, digest }) =>
    isManifest(mediaType) && !isImage.has(digest)
  );
  const more = others.length > 0 ? " for all of them, or -platform for another one" : "";
  if (attested) others.push("what attests to it");
  if (others.length === 0) return undefined;
  warn(
    `of ${what} only ${printable(formatPlatform(platformOf(config)))} is saved, without ` +
      `${[...new Set(others)].join(", ")}: give -all${more}`,
  );
  return undefined;
}
