import { findSafeFolder } from "../folder.ts";
import { readEmbeddedImage } from "./embedded.ts";
import { ARCHIVE_ENDINGS, type ImageSource } from "./source.ts";

/** An image that can be run. */
export interface ImageEntry {
  readonly name: string;
  readonly source: ImageSource["kind"];
  /** The folder's or archive's name in the images folder, or the name of the embedded archive. */
  readonly file: string;
  /** Bytes of the archive; undefined for a folder. */
  readonly size?: number;
}

/**
 * The images of a folder and of the binary, by name. A name that stands for two is there twice; an
 * embedded image hides behind one of the folder.
 *
 * @throws {ContainerError} when others can write the folder
 */
export function listImages(imagesFolder: string): ImageEntry[] {
  const folder = findSafeFolder(imagesFolder);
  const entries = folder === undefined ? [] : imagesIn(folder);
  const embedded = readEmbeddedImage();
  if (embedded !== undefined && !entries.some(({ name }) => name === embedded.name)) {
    entries.push({
      name: embedded.name,
      source: "embedded",
      file: embedded.fileName,
      size: embedded.size,
    });
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function imagesIn(folder: string): ImageEntry[] {
  const entries: ImageEntry[] = [];
  for (const { name: file } of Deno.readDirSync(folder)) {
    if (file.startsWith(".")) continue;
    const status = statusOf(`${folder}/${file}`);
    if (status?.isDirectory) entries.push({ name: file, source: "folder", file });
    if (!status?.isFile) continue;
    const ending = ARCHIVE_ENDINGS.find((ending) => file.endsWith(ending));
    if (ending === undefined || file === ending) continue;
    const name = file.slice(0, -ending.length);
    entries.push({ name, source: "archive", file, size: status.size });
  }
  return entries;
}

/** What a name leads to; undefined for a symbolic link that leads nowhere, or round in circles. */
function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    const { NotFound, NotADirectory, FilesystemLoop } = Deno.errors;
    if ([NotFound, NotADirectory, FilesystemLoop].some((kind) => error instanceof kind)) {
      return undefined;
    }
    throw error;
  }
}
