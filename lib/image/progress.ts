import { formatSize } from "../size.ts";
import { draw } from "../trace.ts";

/** How long something may take before it is spoken of, and how often then, in ms. */
const PATIENCE = 1000;
const INTERVAL = 100;

/** A line on a terminal that tells how far something long is. Says nothing anywhere else. */
export class ProgressLine implements Disposable {
  readonly #what: string;
  readonly #visible = Deno.stderr.isTerminal();
  #next = performance.now() + PATIENCE;
  #shown = false;

  /** @param what is being done: `extract image "alpine"`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Tells of the share done, 0 to 1, where anybody has waited long enough for that. */
  update(share: number): void {
    if (this.#isDue()) this.#show(`${this.#what}: ${Math.floor(share * 100)} %`);
  }

  /** The same of the bytes done, where nobody knows how many there are. */
  count(bytes: number): void {
    if (this.#isDue()) this.#show(`${this.#what}: ${formatSize(bytes)}`);
  }

  /** Says something now. */
  say(text: string): void {
    if (this.#visible) this.#show(`${this.#what}: ${text}`);
  }

  /** Removes the line. */
  [Symbol.dispose](): void {
    if (this.#shown) draw("\r\x1b[K");
    this.#shown = false;
  }

  #isDue(): boolean {
    if (!this.#visible || performance.now() < this.#next) return false;
    this.#next = performance.now() + INTERVAL;
    return true;
  }

  #show(text: string): void {
    draw(`\r\x1b[Kgocontainer: ${text}`);
    this.#shown = true;
  }
}
