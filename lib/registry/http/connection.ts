/** A way to a server and back. */
export interface Connection {
  /** Reads what has come, into `buffer`: how many bytes, null at the end. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes all of it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends both directions; whoever reads or writes then fails. May be called again. */
  close(): void;
}

/** A connection of Deno's: plain, or with TLS and the certificate verified. */
export class DenoConnection implements Connection {
  readonly #conn: Deno.Conn;
  #closed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}
