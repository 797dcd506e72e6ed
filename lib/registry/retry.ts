import { ContainerError } from "../errors.ts";
import { ExchangeFault } from "./http/fault.ts";
import type { Answer } from "./http/message.ts";

/** How often something is tried, and how long is waited in between. */
export interface Persistence {
  readonly tries: number;
  /** Milliseconds before the second try; doubled each time, and of that a random part. */
  readonly first: number;
  readonly longest: number;
  /** The longest that a server may ask to be left alone, in milliseconds. */
  readonly longestAsked: number;
}

export const DEFAULT_PERSISTENCE: Persistence = {
  tries: 6,
  first: 500,
  longest: 20_000,
  longestAsked: 120_000,
};

/** Answers that may be others in a while. */
const PASSING: readonly number[] = [408, 429, 500, 502, 503, 504];

/** Whether an answer may be another one in a while. */
export function isPassing(status: number): boolean {
  return PASSING.includes(status);
}

/**
 * Whether an exchange that failed may go well in a while.
 *
 * @param wasReached whether the server has answered before: one that cannot be reached at all will not
 *   be so in a minute either
 */
export function mayPass(error: unknown, wasReached = true): error is ExchangeFault {
  return error instanceof ExchangeFault &&
    (error.kind === "broken" || (error.kind === "unreachable" && wasReached));
}

/** Counts tries, and waits between them. */
export class Tries {
  readonly #how: Persistence;
  readonly #signal: AbortSignal;
  readonly #begun: (delay: number) => void;
  #failed = 0;

  /**
   * @param signal ends the waiting
   * @param begun called before each pause with how long it is going to be, in milliseconds
   */
  constructor(how: Persistence, signal: AbortSignal, begun: (delay: number) => void = () => {}) {
    this.#how = how;
    this.#signal = signal;
    this.#begun = begun;
  }

  /** Something went forward: trying begins anew. */
  succeed(): void {
    this.#failed = 0;
  }

  /**
   * Whether there is another try left after one that failed.
   *
   * @param most how many there are, where that is less than usual
   */
  fail(most = Infinity): boolean {
    return ++this.#failed < Math.min(most, this.#how.tries) && !this.#signal.aborted;
  }

  /**
   * Waits before the next try: as long as the server asks for, or a random time that grows, so that
   * clients that failed together do not come back together.
   *
   * @param asked in milliseconds
   * @throws {ContainerError} when the server asks for more than anybody waits
   */
  async pause(asked?: number): Promise<void> {
    const { first, longest, longestAsked } = this.#how;
    if (asked !== undefined && asked > longestAsked) {
      throw new ContainerError(
        `wait for the registry: it was asked too often and wants ${
          Math.ceil(asked / 1000)
        } s of rest`,
        { hint: "Try again later, or log in: registries allow more to those whom they know" },
      );
    }
    const grown = Math.min(longest, first * 2 ** (this.#failed - 1));
    const delay = Math.max(asked ?? 0, grown * (0.5 + Math.random() / 2));
    this.#begun(delay);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delay);
    this.#signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    if (this.#signal.aborted) throw new ExchangeFault("broken", "the connection was ended");
  }
}

/**
 * How long an answer asks to be left alone, in milliseconds; undefined where it does not (RFC 9110,
 * 10.2.3).
 */
export function retryAfter(
  answer: Pick<Answer, "fields">,
  now: number = Date.now(),
): number | undefined {
  const value = answer.fields.get("retry-after");
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  // Date.parse takes much that is no date of HTTP.
  const time = /^[A-Za-z]{3,9},? .* GMT$/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
