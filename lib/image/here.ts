import { findSafeFolder } from "../folder.ts";
import { findSource } from "./source.ts";
import { findImage } from "./store/resolve.ts";
import { ImageStore } from "./store/store.ts";

/**
 * Whether a word stands for an image that is here, for which nothing would have to be pulled.
 *
 * @throws {ContainerError} when the images folder cannot be read
 */
export async function isImageHere(imagesFolder: string, word: string): Promise<boolean> {
  if (findSource(findSafeFolder(imagesFolder), word) !== undefined) return true;
  using store = ImageStore.find(imagesFolder);
  return store !== undefined && await findImage(store, word) !== undefined;
}
