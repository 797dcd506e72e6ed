import { tell } from "../../../trace.ts";
import type { TransferEvent } from "../events.ts";

/** How often the bytes of one part are told, in ms. */
const INTERVAL = 200;

/**
 * A line of JSON for each event: `{"event":"moved","digest":"sha256:…","size":…,"bytes":…}`. Sizes are
 * in bytes.
 */
export class JsonLines implements Disposable {
  readonly #told = new Map<string, { readonly at: number; readonly bytes: number }>();

  observe = (event: TransferEvent): void => {
    if (event.kind === "parts") {
      const parts = event.parts.map(({ digest, size, mediaType }) => ({ digest, size, mediaType }));
      return tell(JSON.stringify({ event: event.kind, parts }));
    }
    const { digest, size } = event.part;
    const bytes = event.kind === "moved" || event.kind === "extracted" ? event.bytes : undefined;
    if (bytes !== undefined && !this.#isDue(`${event.kind} ${digest}`, bytes, size)) return;
    tell(JSON.stringify({ event: event.kind, digest, size, bytes }));
  };

  [Symbol.dispose](): void {}

  /** Now and then, and at the end; the same is not told again. */
  #isDue(key: string, bytes: number, size: number): boolean {
    const at = performance.now();
    const last = this.#told.get(key);
    if (last !== undefined && (bytes === last.bytes || bytes < size && at < last.at + INTERVAL)) {
      return false;
    }
    this.#told.set(key, { at, bytes });
    return true;
  }
}
