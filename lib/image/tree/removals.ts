import type { ByteString } from "../tar/bytes.ts";
import { split } from "./place.ts";

/** What was noted of a path, and how much had been removed by then. */
export interface Noted<T> {
  readonly value: T;
  readonly removals: number;
}

/**
 * What was removed of a tree, so that what is noted of paths is known to hold no longer. To look for all that lies
 * below at each removal would take an archive's members times its folders.
 */
export class Removals {
  /** At which removal a path went last. */
  readonly #last = new Map<ByteString, number>();
  #count = 0;

  /** Notes something of a path that is there now. */
  note<T>(value: T): Noted<T> {
    return { value, removals: this.#count };
  }

  /** A path is removed, and with it all below. */
  add(path: ByteString): void {
    this.#last.set(path, ++this.#count);
  }

  /** Whether neither a path nor a folder on the way to it has been removed since something was noted of it. */
  spared(path: ByteString, { removals }: Noted<unknown>): boolean {
    if (this.#count === removals) return true;
    for (let at = path; at !== ""; at = split(at).folder) {
      if ((this.#last.get(at) ?? 0) > removals) return false;
    }
    return true;
  }
}
