/**
 * The image that the build put into the binary, so that the one file runs a container without
 * anything beside it.
 *
 * The archive is followed by a {@link TRAILER_SIZE}-byte trailer (numbers little-endian):
 *
 * ```text
 * offset  size
 *      0    16  magic, "gocontainer-img\n"
 *     16     8  format version, 1
 *     24     8  length of the archive in bytes
 *     32    64  SHA-512 of the archive
 *     96    64  image name, UTF-8, padded with NUL
 *    160    96  file name, UTF-8, padded with NUL
 * ```
 *
 * Both lie in one of two places. Where `deno compile` appends its section to the runtime, they sit
 * right before that section: what is in the section is read at every start, what is before it only
 * on demand. Otherwise they are a file that `deno compile --include` embedded.
 */

/** Length of the trailer in bytes. */
export const TRAILER_SIZE = 256;

/** The trailer's first 16 bytes. */
export const TRAILER_MAGIC = "gocontainer-img\n";

/** The version of the trailer's layout. */
export const TRAILER_VERSION = 1n;

/** Where an embedded file lies, relative to the main module's folder. */
export const INCLUDED_FILE = ".build/embedded-image";

/** The last 24 bytes of a program whose section `deno compile` appended. */
const SECTION_END = 24;
const SECTION_MAGIC = "d3n0l4nd";

/** What a trailer tells of the archive before it. */
export interface ImageTrailer {
  /** The image's name, for example `alpine`. */
  readonly name: string;
  /** The archive's file name, whose ending tells its kind: `alpine-….tar.gz`. */
  readonly fileName: string;
  /** Length of the archive in bytes. */
  readonly size: number;
  /** SHA-512 of the archive, hexadecimal. */
  readonly sha512: string;
}

/** The embedded image; nothing of the archive is read before {@link EmbeddedImage.open}. */
export interface EmbeddedImage extends ImageTrailer {
  /**
   * Opens the archive at its first byte. The caller disposes of it.
   *
   * @throws Deno.errors.NotFound when the program's file is gone
   */
  open(): EmbeddedArchive;
}

/** An open archive inside a larger file. */
export class EmbeddedArchive implements Disposable {
  readonly #file: Deno.FsFile;
  #left: number;

  /** Takes over `file`, positioned at the archive's first byte; the archive has `size` bytes. */
  constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.#left = size;
  }

  /** Reads into `buffer`; returns the number of bytes, or null at the archive's end (read(2)). */
  readSync(buffer: Uint8Array): number | null {
    if (this.#left === 0) return null;
    const count = this.#file.readSync(buffer.subarray(0, this.#left));
    if (count === null) throw new Error("read the embedded image: the program's file ends early");
    this.#left -= count;
    return count;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * The image inside this program, or undefined when it was built without one. Opens one file and reads
 * a few hundred bytes, so call it only when the image is wanted.
 */
export function readEmbeddedImage(): EmbeddedImage | undefined {
  return imageBeforeSection("/proc/self/exe") ?? imageAtEndOf(includedFile());
}

/** The image spliced in before the section that `deno compile` appended to the program at `path`. */
export function imageBeforeSection(path: string): EmbeddedImage | undefined {
  using file = Deno.openSync(path);
  const length = file.seekSync(0, Deno.SeekMode.End);
  const section = readAt(file, length - SECTION_END, SECTION_END);
  if (section === undefined || textOf(section.subarray(0, 8)) !== SECTION_MAGIC) return undefined;
  const sectionLength = Number(viewOf(section).getBigUint64(16, true));
  return imageEndingAt(file, path, length - sectionLength);
}

/** The image at the end of the file at `path`; undefined also when there is no such file. */
export function imageAtEndOf(path: string): EmbeddedImage | undefined {
  try {
    using file = Deno.openSync(path);
    // Files which `deno compile` embedded know no fstat(2).
    return imageEndingAt(file, path, file.seekSync(0, Deno.SeekMode.End));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Parses a trailer; undefined when the bytes are none. */
export function parseTrailer(bytes: Uint8Array): ImageTrailer | undefined {
  if (bytes.length !== TRAILER_SIZE || textOf(bytes.subarray(0, 16)) !== TRAILER_MAGIC) {
    return undefined;
  }
  const view = viewOf(bytes);
  if (view.getBigUint64(16, true) !== TRAILER_VERSION) return undefined;
  return {
    size: Number(view.getBigUint64(24, true)),
    sha512: bytes.subarray(32, 96).toHex(),
    name: textOf(bytes.subarray(96, 160)),
    fileName: textOf(bytes.subarray(160, 256)),
  };
}

/**
 * Inside a compiled program this names a file of its embedded file system, and never one of the
 * machine's: it lies below the main module, where that file system is rooted.
 */
function includedFile(): string {
  return new URL(INCLUDED_FILE, Deno.mainModule).pathname;
}

function imageEndingAt(file: Deno.FsFile, path: string, end: number): EmbeddedImage | undefined {
  const bytes = readAt(file, end - TRAILER_SIZE, TRAILER_SIZE);
  const trailer = bytes === undefined ? undefined : parseTrailer(bytes);
  const start = end - TRAILER_SIZE - (trailer?.size ?? 0);
  if (trailer === undefined || start < 0) return undefined;
  return {
    ...trailer,
    open() {
      const archive = Deno.openSync(path);
      archive.seekSync(start, Deno.SeekMode.Start);
      return new EmbeddedArchive(archive, trailer.size);
    },
  };
}

function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array | undefined {
  if (offset < 0) return undefined;
  file.seekSync(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) return undefined;
    filled += count;
  }
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
