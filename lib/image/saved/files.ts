import type { Descriptor } from "../descriptor.ts";
import type { ImageStore } from "../store/store.ts";

/** The files of images that were saved: of an archive, or of a folder. Their paths are relative, clean and without links. */
export interface SavedFiles extends Disposable {
  /** Whether there is a file at a path. */
  has(path: string): boolean;
  /**
   * All of a file.
   *
   * @param limit the most bytes that it may have
   * @throws {ArchiveFault} when it is not there, or larger
   */
  read(path: string, limit: number): Uint8Array<ArrayBuffer>;
  /**
   * The first bytes of a file, of which its compression is seen.
   *
   * @throws {ArchiveFault} when it is not there
   */
  beginning(path: string): Uint8Array;
  /**
   * Makes a file a blob of the store.
   *
   * @param expected what it has to be, where that is known
   * @throws {ArchiveFault} when it is not there, or another than expected
   */
  put(
    path: string,
    store: ImageStore,
    mediaType: string,
    expected?: Pick<Descriptor, "digest" | "size">,
  ): Promise<Descriptor>;
}
