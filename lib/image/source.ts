import { AT_FDCWD, S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { listFolder } from "../../ffi/directory.ts";
import { type FileStatus, tryStatx } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { assertSafeFile } from "../folder.ts";
import { type EmbeddedImage, readEmbeddedImage } from "./embedded.ts";

/** The endings of root file system archives. */
export const ARCHIVE_ENDINGS = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst"] as const;

/** The hidden folder of an images folder that holds what was extracted. */
export const EXTRACTED = ".rootfs";

/** Where an image comes from: a folder in use as it is, an archive, or what the build embedded. */
export type ImageSource = FolderSource | ArchiveSource;

/** A root file system that a user laid into the images folder. */
export interface FolderSource {
  readonly kind: "folder";
  readonly path: string;
}

/** What has to be extracted, and the text that tells this version of it from every other one. */
export type ArchiveSource =
  | { readonly kind: "archive"; readonly path: string; readonly version: string }
  | { readonly kind: "embedded"; readonly image: EmbeddedImage; readonly version: string };

/**
 * What the name of an image stands for: a folder or archive of the images folder, or else the image
 * in the binary when it has that name.
 *
 * @param folder the images folder, as `findSafeFolder` gave it
 * @throws {ContainerError} InvalidArgument when two match, NotAllowed for an archive that others can write
 */
export function findSource(folder: string | undefined, name: string): ImageSource | undefined {
  const found = folder === undefined ? [] : sourcesIn(folder, name);
  const what = `use image ${JSON.stringify(name)}`;
  const nameOf = ({ path }: SourceInFolder) => path.slice(folder!.length + 1);
  if (found.length > 1) {
    const names = found.map((source) => JSON.stringify(nameOf(source)));
    throw new ContainerError(
      `${what}: ${list(names)} match in ${JSON.stringify(folder)}`,
      { code: "InvalidArgument", hint: "Keep one of them there" },
    );
  }
  const [source] = found;
  // A folder is looked at when it is used.
  if (source?.kind === "archive") assertSafeFile(folder!, nameOf(source), what);
  return source ?? embeddedSource(name);
}

/** The folder into which a version of an image is extracted. */
export function extractedPath(folder: string, name: string, version: string): string {
  return `${folder}/${EXTRACTED}/${name}-${version}`;
}

type SourceInFolder = Exclude<ImageSource, { kind: "embedded" }>;

function sourcesIn(folder: string, name: string): SourceInFolder[] {
  const found: SourceInFolder[] = [];
  // One listing costs less than a look for each of the names.
  for (const { name: there } of listFolder(folder)) {
    if (!there.startsWith(name)) continue;
    const path = `${folder}/${there}`;
    if (there === name) {
      if (isKind(tryStatx(AT_FDCWD, path), S_IFDIR)) found.push({ kind: "folder", path });
    } else if (isArchiveEnding(there.slice(name.length))) {
      const status = tryStatx(AT_FDCWD, path);
      if (isKind(status, S_IFREG)) {
        found.push({ kind: "archive", path, version: versionOf(status) });
      }
    }
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

function isArchiveEnding(text: string): boolean {
  return (ARCHIVE_ENDINGS as readonly string[]).includes(text);
}

function isKind(status: FileStatus | undefined, kind: number): status is FileStatus {
  return status !== undefined && (status.mode & S_IFMT) === kind;
}

/** Size, time of change and inode in base 36: another archive of the same name differs in one. */
export function versionOf(status: FileStatus): string {
  return [BigInt(status.size), status.mtime, status.ino].map((part) => part.toString(36)).join("-");
}

function embeddedSource(name: string): ImageSource | undefined {
  const image = readEmbeddedImage();
  if (image?.name !== name) return undefined;
  return { kind: "embedded", image, version: image.sha512.slice(0, 32) };
}

function list(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
