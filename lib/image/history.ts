import type { HistoryEntry, ImageConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageManifest } from "./manifest.ts";

/** A step of the making of an image, with the layer that it made, if any. */
export interface HistoryStep extends HistoryEntry {
  readonly layer?: Descriptor;
}

/**
 * How an image was made, the first step first. Layers that its history does not tell of stand at the
 * end; what it tells of layers that there are not has none.
 */
export function historyOf(config: ImageConfig, manifest: ImageManifest): HistoryStep[] {
  const left = [...manifest.layers];
  const steps: HistoryStep[] = (config.history ?? []).map((entry) => {
    const layer = entry.empty_layer ? undefined : left.shift();
    return { ...entry, ...layer && { layer } };
  });
  return [...steps, ...left.map((layer) => ({ layer }))];
}
