import { extractionError } from "../../image/extraction_error.ts";
import { ProgressLine } from "../../image/progress.ts";
import { familiarReference } from "../../image/reference.ts";
import { ARCHIVE_ENDINGS } from "../../image/source.ts";
import { ArchiveFiles } from "../../image/saved/archive_files.ts";
import type { SavedFiles } from "../../image/saved/files.ts";
import { FolderFiles } from "../../image/saved/folder_files.ts";
import { type LoadedImage, loadImages } from "../../image/saved/load.ts";
import { ImageStore } from "../../image/store/store.ts";
import { UsageError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import type { Command } from "../command.ts";
import { openInput, piecesOfInput } from "./files.ts";
import { IMAGES_OPTION, imagesFolderOf } from "./options.ts";
import { print } from "../output.ts";

/** `gocontainer load [FILE|FOLDER]`. */
export const command: Command = {
  synopsis: ["load [OPTIONS] [FILE|FOLDER|-]"],
  summary:
    "Puts images that were saved into the store, by the names that they were saved with, and\n" +
    "prints those: an archive of docker save, podman save or gocontainer save, compressed or not,\n" +
    "an OCI image layout as an archive or a folder. Without FILE it reads standard input.",
  options: [
    IMAGES_OPTION,
    { name: "input", value: "FILE", help: "the same as FILE alone" },
    // Nothing is told but names.
    { name: "quiet", alias: "q" },
    { name: "platform", instead: "All that the archive has is loaded, and run by -platform" },
  ],
  words: { least: 0, most: 1 },
  async run(args) {
    const [path = args.text("input")] = args.rest;
    const folder = imagesFolderOf(args);
    if (path === undefined && isArchive(folder)) {
      throw new UsageError(`load images into ${quote(folder)}: it is no folder`, {
        hint: `With -i the images folder is chosen; an archive is given alone: load ${folder}`,
      });
    }
    for (const { reference, descriptor } of await load(folder, path)) {
      print(reference === undefined ? descriptor.digest : familiarReference(reference));
    }
    return 0;
  },
};

async function load(imagesFolder: string, path: string | undefined): Promise<LoadedImage[]> {
  const isFolder = path !== undefined && path !== "-" && isDirectory(path);
  const name = isFolder ? quote(path) : undefined;
  using input = isFolder ? undefined : openInput(path);
  using store = ImageStore.open(imagesFolder);
  using progress = new ProgressLine("load images");
  try {
    using files: SavedFiles = isFolder
      ? new FolderFiles(path)
      : await ArchiveFiles.read(store, piecesOfInput(input!, progress));
    return await loadImages(store, files);
  } catch (error) {
    throw loadError(error, name ?? input!.name);
  }
}

/** Errors of documents say themselves what they are about. */
function loadError(error: unknown, archive: string): unknown {
  return error instanceof Error && error.name === "ContainerError"
    ? error
    : extractionError(error, "load images", { archive, isFile: true });
}

function isDirectory(path: string): boolean {
  return statusOf(path)?.isDirectory ?? false;
}

/** As `docker load -i FILE` has it, be the file there or not. */
function isArchive(path: string): boolean {
  return statusOf(path)?.isFile ?? ARCHIVE_ENDINGS.some((ending) => path.endsWith(ending));
}

function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Whatever is wrong with it is told when it is opened.
    return undefined;
  }
}
