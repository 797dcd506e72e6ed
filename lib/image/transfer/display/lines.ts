import { formatSize } from "../../../size.ts";
import { tell } from "../../../trace.ts";
import type { TransferEvent } from "../events.ts";
import { Parts, shortName } from "./parts.ts";

/** How often something long is spoken of, in ms. */
const INTERVAL = 10_000;

/** Lines for a log: one when a part of a transfer is over, and now and then one in between. */
export class Lines implements Disposable {
  readonly #parts = new Parts();
  readonly #next = new Map<string, number>();

  observe = (event: TransferEvent): void => {
    const before = event.kind === "parts" ? undefined : this.#stateOf(event.part.digest);
    const status = this.#parts.take(event);
    if (status === undefined) return;
    const { part, state, moved, extracted, note } = status;
    const size = formatSize(part.size);
    const name = shortName(part);
    if (event.kind === "moved" || (event.kind === "extracted" && state !== "ready")) {
      const share = (state === "moving" ? moved : extracted) / Math.max(1, part.size);
      const doing = state === "moving" ? "" : "extracted ";
      if (this.#isDue(part.digest)) {
        tell(`${name}: ${doing}${Math.floor(share * 100)} % of ${size}`);
      }
    } else if (state === before) return;
    else if (state === "waiting") tell(`${name}: waits for another process`);
    else if (state === "over") tell(`${name}: ${note ?? size}`);
    else if (state === "ready" && note !== "there") tell(`${name}: extracted`);
  };

  [Symbol.dispose](): void {}

  #stateOf(digest: string) {
    return this.#parts.all.find(({ part }) => part.digest === digest)?.state;
  }

  #isDue(digest: string): boolean {
    const now = performance.now();
    const next = this.#next.get(digest);
    if (next === undefined || now >= next) this.#next.set(digest, now + INTERVAL);
    return next !== undefined && now >= next;
  }
}
