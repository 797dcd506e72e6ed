/** Why an exchange with a server came to nothing. */
export type FaultKind =
  /** The host's name is unknown, nobody listens, no way to it. */
  | "unreachable"
  /** The connection ended early, stalled, or was too slow. */
  | "broken"
  /** The server's certificate is not to be trusted. */
  | "untrusted"
  /** The server wants another certificate of this side than it is shown, or one at all. */
  | "not-believed"
  /** The server does not speak TLS. */
  | "not-tls"
  /** What came is not HTTP, or beyond the limits. */
  | "malformed";

/** An exchange that failed below the level of an answer, in words that follow what was tried. */
export class ExchangeFault extends Error {
  override readonly name = "ExchangeFault";
  readonly kind: FaultKind;
  /** What to do about it, where that is known of this one and not of all of its kind. */
  readonly hint?: string;

  constructor(
    kind: FaultKind,
    message: string,
    { hint, ...options }: { cause?: unknown; hint?: string } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.hint = hint;
  }
}
