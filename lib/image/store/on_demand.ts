import { ImageStore } from "./store.ts";

/**
 * The store of an images folder, which is made only when there is something to put into it: what comes to
 * nothing before leaves nothing behind.
 */
export class StoreOnDemand implements Disposable {
  readonly #imagesFolder: string;
  #store: ImageStore | undefined;

  /**
   * @param imagesFolder as the user gave it
   * @throws {ContainerError} NotAllowed when others could write there
   */
  constructor(imagesFolder: string) {
    this.#imagesFolder = imagesFolder;
    this.#store = ImageStore.find(imagesFolder);
  }

  /** The store where there is one. */
  get present(): ImageStore | undefined {
    return this.#store;
  }

  /**
   * The store, made where there is none.
   *
   * @throws {ContainerError}
   */
  make(): ImageStore {
    return this.#store ??= ImageStore.open(this.#imagesFolder);
  }

  /** As for {@link ImageStore}. */
  [Symbol.dispose](): void {
    this.#store?.[Symbol.dispose]();
  }
}
