/** A certificate and its key, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What makes a server's certificate good, and what this side shows to the server. */
export interface Trust {
  /** Certificate authorities beside the system's, PEM. */
  readonly authorities: readonly string[];
  /** That of this side. */
  readonly identity?: Identity;
  /** False when any certificate is good, as the user asked for. */
  readonly verify: boolean;
}
