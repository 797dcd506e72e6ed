import { reasonOf } from "../../errors.ts";
import { ExchangeFault } from "./fault.ts";

/** How long a server is waited for. */
export interface Limits {
  /** Milliseconds until a connection stands, with TLS. */
  readonly connect: number;
  /** Milliseconds without a byte. */
  readonly silence: number;
  /** Over this many milliseconds of waiting, */
  readonly window: number;
  /** this many bytes must have passed, or the server counts as stalled. */
  readonly least: number;
}

export const DEFAULT_LIMITS: Limits = {
  connect: 15_000,
  silence: 30_000,
  window: 60_000,
  least: 64 * 1024,
};

/**
 * Ends an exchange with a server that says or takes nothing, or next to nothing: closes the
 * connection, so that whoever waits for it fails. Only waiting counts, not the time that is spent on
 * what came. Watches one direction.
 */
export class Patience {
  readonly #limits: Limits;
  readonly #close: (fault: ExchangeFault) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is to go off. */
  #due = 0;
  #waitingSince: number | undefined;
  #isHeld = false;
  #waited = 0;
  #bytes = 0;
  #fault: ExchangeFault | undefined;

  /** @param close ends the connection, and with it whatever is being waited for */
  constructor(limits: Limits, close: (fault: ExchangeFault) => void) {
    this.#limits = limits;
    this.#close = close;
  }

  /**
   * Waits until bytes have passed.
   *
   * @param pass how many; null for the end
   * @throws {ExchangeFault} broken
   */
  async during(pass: () => Promise<number | null>): Promise<number | null> {
    this.#waitingSince = performance.now();
    if (this.#timer === undefined) this.#lookIn(this.#limits.silence);
    try {
      const count = await pass();
      if (!this.#isHeld) this.#account(performance.now() - this.#waitingSince, count ?? 0);
      if (this.#fault !== undefined) throw this.#fault;
      return count;
    } catch (error) {
      if (this.#fault !== undefined) throw this.#fault;
      throw error instanceof ExchangeFault ? error : brokenBy(error);
    } finally {
      this.#waitingSince = undefined;
    }
  }

  /** Until {@link release} nothing counts: it is not the server's turn. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#waitingSince !== undefined) this.#waitingSince = performance.now();
  }

  /** The exchange is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #account(waited: number, bytes: number): void {
    this.#waited += waited;
    this.#bytes += bytes;
    if (this.#bytes >= this.#limits.least) this.#waited = this.#bytes = 0;
    else if (this.#waited >= this.#limits.window) this.#stop("the server is too slow");
  }

  #lookIn(delay: number): void {
    this.#due = performance.now() + delay;
    this.#timer = setTimeout(() => this.#look(), delay);
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#waitingSince === undefined) return;
    const { silence, window } = this.#limits;
    const now = performance.now();
    // What came while this process was busy has yet to be seen.
    if (now - this.#due > silence / 10) this.#waitingSince = now;
    const waited = this.#isHeld ? 0 : now - this.#waitingSince;
    const left = Math.min(silence - waited, window - this.#waited - waited);
    if (left > 0) this.#lookIn(left + 1);
    else if (waited < silence) this.#stop("the server is too slow");
    else this.#stop(`the server did nothing for ${Math.round(waited / 1000)} s`);
  }

  #stop(message: string): void {
    this.#fault = new ExchangeFault("broken", message);
    this.#close(this.#fault);
  }
}

/** What servers say of this side's certificate, and of there being none (RFC 8446, 6.2), in the words of rustls. */
const OF_CERTIFICATE =
  /fatal alert: (?:CertificateRequired|(?:Bad|Unsupported)Certificate|Certificate(?:Revoked|Expired|Unknown)|UnknownCA)/;

/** What the system said of a connection. */
export function brokenBy(error: unknown): ExchangeFault {
  if (error instanceof Error && OF_CERTIFICATE.test(error.message)) {
    const message = error.message.includes("CertificateRequired")
      ? "the server wants to be shown a certificate"
      : "the server does not take the certificate that it was shown";
    return new ExchangeFault("not-believed", message, { cause: error });
  }
  return new ExchangeFault("broken", `the connection broke: ${reasonOf(error)}`, { cause: error });
}
