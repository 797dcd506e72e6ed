import { quote } from "../../../quote.ts";
import { listStrays } from "../inventory.ts";
import type { ImageStore } from "../store.ts";
import { checkBlobs } from "./blobs.ts";
import type { Fault } from "./fault.ts";
import { checkImages } from "./images.ts";
import { checkLayers } from "./layers.ts";
import { checkLayout } from "./layout.ts";

export type { Fault };

/** What is wrong, and how much was looked at. */
export interface CheckResult {
  readonly faults: readonly Fault[];
  readonly blobs: number;
  readonly images: number;
  readonly layers: number;
}

/** How a check goes about it. */
export interface CheckOptions {
  /**
   * Whether damaged content is removed, and the names of images that cannot be run any more, so that
   * they are pulled anew.
   */
  readonly repair: boolean;
  /** Whether each extracted layer is compared with what its blob unpacks to. */
  readonly content?: boolean;
  /** Is told the share of the blobs' bytes that has been read, 0 to 1. */
  readonly progress?: (share: number) => void;
}

/**
 * Checks all of a store: that each blob is what its name says, that what is extracted is whole, and that
 * the images have all they need. Others may work with the store meanwhile.
 */
export async function checkStore(store: ImageStore, options: CheckOptions): Promise<CheckResult> {
  const faults: Fault[] = [];
  const hasIndex = checkLayout(store, options.repair, faults);
  const blobs = await checkBlobs(store, options, faults);
  const layers = await checkLayers(
    store,
    { ...options, content: options.content && hasIndex },
    faults,
  );
  for (const path of listStrays(store.path)) {
    faults.push({
      where: `file ${quote(path)}`,
      what: "is none of the store's: remove it by hand",
    });
  }
  const images = hasIndex ? await checkImages(store, options.repair, faults) : 0;
  return { faults, blobs, images, layers };
}
