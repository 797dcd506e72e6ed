/**
 * The image that the build put into the binary, so that the one file runs a container without
 * anything beside it.
 *
 * The archive is followed by a trailer (image_trailer.ts). Both lie in one of two places. Where `deno compile`
 * appends its section to the runtime, they sit right before that section: what is in the section is read at every
 * start, what is before it only on demand. Otherwise they are a file that `deno compile --include` embedded.
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import { fromCString } from "../../ffi/cstring.ts";
import { Fd, openat, preadAll, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { type ImageTrailer, INCLUDED_FILE, parseTrailer, TRAILER_SIZE } from "./image_trailer.ts";

/** The last 24 bytes of a program whose section `deno compile` appended. */
const SECTION_END = 24;
const SECTION_MAGIC = "d3n0l4nd";

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
  using file = new Fd(openat(AT_FDCWD, path, O_RDONLY));
  const { size } = statx(file.number);
  const readAt = (offset: number, length: number) =>
    offset < 0 ? undefined : preadAll(file.number, alloc(length), offset);
  const section = readAt(size - SECTION_END, SECTION_END);
  if (section === undefined || fromCString(section.subarray(0, 8)) !== SECTION_MAGIC) {
    return undefined;
  }
  const length = Number(new DataView(section.buffer).getBigUint64(16, true));
  return imageEndingAt(size - length, path, readAt);
}

/** The image at the end of the file at `path`; undefined also when there is no such file. */
export function imageAtEndOf(path: string): EmbeddedImage | undefined {
  try {
    // Files which `deno compile` embedded are none of the kernel's, and know no fstat(2).
    using file = Deno.openSync(path);
    const size = file.seekSync(0, Deno.SeekMode.End);
    return imageEndingAt(size, path, (offset, length) => {
      if (offset < 0) return undefined;
      file.seekSync(offset, Deno.SeekMode.Start);
      const bytes = alloc(length);
      return file.readSync(bytes) === length ? bytes : undefined;
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Inside a compiled program this names a file of its embedded file system, and never one of the
 * machine's: it lies below the main module, where that file system is rooted.
 */
function includedFile(): string {
  return new URL(INCLUDED_FILE, Deno.mainModule).pathname;
}

/** @param readAt so many bytes from an offset on; undefined where the file has fewer. */
function imageEndingAt(
  end: number,
  path: string,
  readAt: (offset: number, length: number) => Uint8Array | undefined,
): EmbeddedImage | undefined {
  const bytes = readAt(end - TRAILER_SIZE, TRAILER_SIZE);
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
