import { tell } from "../../../trace.ts";
import type { TransferEvent } from "../events.ts";

/** How often the bytes of one part are told, in ms. */
const INTERVAL = 200;

/**
 * A line of JSON for each event: `{"event":"moved","digest":"sha256:…","size":…,"bytes":…}`. Sizes are
 * in bytes.
 */
export class JsonLines implements Disposable {
  readonly #next = new Map<string, number>();

  observe = (event: TransferEvent): void => {
    if (event.kind === "parts") {
      const parts = event.parts.map(({ digest, size, mediaType }) => ({ digest, size, mediaType }));
      return tell(JSON.stringify({ event: event.kind, parts }));
    }
    const { digest, size } = event.part;
    const bytes = event.kind === "moved" || event.kind === "extracted" ? event.bytes : undefined;
    if (bytes !== undefined && bytes < size && !this.#isDue(`${event.kind} ${digest}`)) return;
    tell(JSON.stringify({ event: event.kind, digest, size, bytes }));
  };

  [Symbol.dispose](): void {}

  #isDue(key: string): boolean {
    const now = performance.now();
    if (now < (this.#next.get(key) ?? 0)) return false;
    this.#next.set(key, now + INTERVAL);
    return true;
  }
}
