/** What makes a server's certificate good, and what this side shows to the server. */
export interface Trust {
  /** Certificate authorities beside the system's, PEM. */
  readonly authorities: readonly string[];
  /** The certificate of this side and its key, PEM. */
  readonly identity?: { readonly cert: string; readonly key: string };
  /** False when any certificate is good, as the user asked for. */
  readonly verify: boolean;
}
