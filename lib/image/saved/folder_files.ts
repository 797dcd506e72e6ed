import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/constants.ts";
import { Fd, openat, openInRoot, statx } from "../../../ffi/file.ts";
import { counted } from "../../count.ts";
import { SysError } from "../../errors.ts";
import { MAGIC_LENGTH } from "../compression/kind.ts";
import type { Descriptor } from "../descriptor.ts";
import { ArchiveFault } from "../fault.ts";
import { piecesOf, readUpTo } from "../pieces.ts";
import type { ImageStore } from "../store/store.ts";
import type { SavedFiles } from "./files.ts";

/** The files of an image layout that is a folder. Nothing outside it is looked at, whatever links are in it. */
export class FolderFiles implements SavedFiles {
  readonly #root: Fd;

  /** @throws {SysError} when there is no such folder */
  constructor(path: string) {
    this.#root = new Fd(openat(AT_FDCWD, path, O_PATH | O_DIRECTORY));
  }

  has(path: string): boolean {
    using file = this.#tryOpen(path);
    return file !== undefined;
  }

  read(path: string, limit: number): Uint8Array<ArrayBuffer> {
    using file = this.#open(path);
    const { size } = statx(file.number);
    if (size > limit) {
      throw new ArchiveFault(
        `is broken or hostile: its ${JSON.stringify(path)} has more than ${limit} bytes`,
      );
    }
    return readUpTo(file.number, size);
  }

  beginning(path: string): Uint8Array {
    using file = this.#open(path);
    return readUpTo(file.number, MAGIC_LENGTH);
  }

  async put(
    path: string,
    store: ImageStore,
    mediaType: string,
    expected?: Pick<Descriptor, "digest" | "size">,
  ): Promise<Descriptor> {
    using file = this.#open(path);
    if (expected === undefined) return await store.addBlob(mediaType, piecesOf(file.number));
    const { size } = statx(file.number);
    if (size !== expected.size) {
      throw new ArchiveFault(
        `is broken: its ${JSON.stringify(path)} has ${counted(size, "byte")}, not ${expected.size}`,
      );
    }
    const descriptor = { mediaType, ...expected };
    using receiver = await store.receiveBlob(descriptor);
    if (receiver !== undefined) {
      receiver.restart();
      for (const piece of piecesOf(file.number)) receiver.write(piece);
      receiver.commit();
    }
    return descriptor;
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }

  #open(path: string): Fd {
    const file = this.#tryOpen(path);
    if (file !== undefined) return file;
    throw new ArchiveFault(`is broken: it has no ${JSON.stringify(path)}`);
  }

  #tryOpen(path: string): Fd | undefined {
    try {
      const file = new Fd(openInRoot(this.#root.number, path, O_RDONLY | O_NONBLOCK));
      if ((statx(file.number).mode & S_IFMT) === S_IFREG) return file;
      file[Symbol.dispose]();
      return undefined;
    } catch (error) {
      const isAbsent = error instanceof SysError &&
        ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(error.code);
      if (isAbsent) return undefined;
      throw error;
    }
  }
}
