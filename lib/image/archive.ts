import { AT_FDCWD, O_NOCTTY, O_NONBLOCK, O_RDONLY } from "../../ffi/constants.ts";
import { close, openat, read, statx } from "../../ffi/file.ts";
import { alloc } from "../../ffi/struct.ts";
import { type Pieces, unpack } from "./compression/decompress.ts";
import { ArchiveFault } from "./fault.ts";
import { type ArchiveSource, versionOf } from "./source.ts";

/** Bytes that are read at a time. */
const PIECE = 256 * 1024;

/** An open archive, in the images folder or in the binary. */
export class Archive implements Disposable {
  /** As it is named in messages. */
  readonly name: string;
  /** In bytes, as it lies there. */
  readonly size: number;
  readonly #read: (buffer: Uint8Array<ArrayBuffer>) => number;
  readonly #close: () => void;
  readonly #assertSame: () => void;
  #done = 0;

  private constructor(
    name: string,
    size: number,
    access: {
      read: (buffer: Uint8Array<ArrayBuffer>) => number;
      close: () => void;
      assertSame?: () => void;
    },
  ) {
    this.name = name;
    this.size = size;
    this.#read = access.read;
    this.#close = access.close;
    this.#assertSame = access.assertSame ?? (() => {});
  }

  /** Opens the archive of a source. */
  static open(source: ArchiveSource): Archive {
    if (source.kind === "embedded") {
      const file = source.image.open();
      return new Archive(source.image.fileName, source.image.size, {
        read: (buffer) => file.readSync(buffer) ?? 0,
        close: () => file[Symbol.dispose](),
      });
    }
    const fd = openat(AT_FDCWD, source.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    return new Archive(source.path, statx(fd).size, {
      read: (buffer) => read(fd, buffer).length,
      close: () => close(fd),
      assertSame() {
        if (versionOf(statx(fd)) === source.version) return;
        throw new ArchiveFault("changed while it was read", { hint: "Try again when it is whole" });
      },
    });
  }

  /** How many of its bytes have been read. */
  get done(): number {
    return this.#done;
  }

  /**
   * What it unpacks to.
   *
   * @throws {ArchiveFault} now or while it is read, when it is of another kind or broken
   */
  async unpacked(): Promise<Pieces> {
    return await unpack(this.#pieces());
  }

  /**
   * Makes sure that it is still the version that was asked for.
   *
   * @throws {ArchiveFault} when somebody wrote to it meanwhile
   */
  assertSame(): void {
    this.#assertSame();
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  *#pieces(): Generator<Uint8Array<ArrayBuffer>> {
    for (let piece = this.#piece(); piece.length > 0; piece = this.#piece()) yield piece;
  }

  #piece(): Uint8Array<ArrayBuffer> {
    const buffer = alloc(PIECE);
    const piece = buffer.subarray(0, this.#read(buffer));
    this.#done += piece.length;
    return piece;
  }
}
