import { connect, type TLSSocket } from "node:tls";
import type { Connection } from "./connection.ts";
import { ExchangeFault } from "./fault.ts";
import { brokenBy } from "./patience.ts";

/** How a server is reached whose certificate may be anybody's. */
export interface UnverifiedOptions {
  readonly hostname: string;
  readonly port: number;
  /** The name that the server is asked for (SNI), which is never an address (RFC 6066, 3). */
  readonly servername?: string;
  /** What this side shows, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/** The most bytes that come in before anybody reads them. */
const QUEUE_LIMIT = 32 * 1024 * 1024;

/**
 * A connection of Node's, the only one here with TLS whose certificate is not verified. Slower, so it
 * serves only those who asked for that.
 */
export class UnverifiedConnection implements Connection {
  readonly #socket: TLSSocket;
  readonly #pieces: Uint8Array[] = [];
  #queued = 0;
  #error: Error | undefined;
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    const wake = () => this.#wake();
    const end = () => {
      this.#ended = true;
      wake();
    };
    // The socket must never keep anything itself: Deno reads into the same memory again and again,
    // over what has not been taken out of it. So it is never paused, but its handle is.
    socket.on("data", (piece: Uint8Array) => {
      this.#pieces.push(new Uint8Array(piece));
      this.#queued += piece.length;
      handleOf(socket)?.readStop();
      if (this.#queued > QUEUE_LIMIT) {
        socket.destroy(new ExchangeFault("malformed", "the server sends what nobody asked for"));
      }
      wake();
    });
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", (error) => {
      this.#error = error;
      wake();
    });
  }

  /**
   * Connects. That the server does not speak TLS shows only when something is written or read.
   *
   * @param signal ends the waiting; its reason is thrown
   * @throws {Error} what the system said
   */
  static async open(
    options: UnverifiedOptions,
    signal: AbortSignal,
  ): Promise<UnverifiedConnection> {
    const { hostname: host, ...rest } = options;
    const socket = connect({
      ...rest,
      host,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    });
    const connection = new UnverifiedConnection(socket);
    const ready = Promise.withResolvers<void>();
    const ended = () => ready.reject(new ExchangeFault("broken", "the connection ended early"));
    socket.once("secureConnect", ready.resolve);
    socket.once("error", ready.reject);
    socket.once("close", ended);
    const giveUp = () => ready.reject(signal.reason);
    signal.addEventListener("abort", giveUp);
    try {
      await ready.promise;
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
      socket.off("close", ended);
      socket.off("error", ready.reject);
    }
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    while (this.#pieces.length === 0) {
      if (this.#error !== undefined) throw brokenBy(this.#error);
      if (this.#ended) return null;
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      handleOf(this.#socket)?.readStart();
      await woken;
    }
    const [piece] = this.#pieces;
    const taken = piece!.subarray(0, buffer.length);
    buffer.set(taken);
    this.#queued -= taken.length;
    if (taken.length < piece!.length) this.#pieces[0] = piece!.subarray(taken.length);
    else this.#pieces.shift();
    return taken.length;
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // Node keeps what it is given until it is sent; the caller's buffer is used again before.
      const copy = new Uint8Array(bytes);
      this.#socket.write(copy, (error) => error ? reject(brokenBy(error)) : resolve());
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** What reads for a socket: Node's own name for it, which Deno has as well. */
function handleOf(socket: TLSSocket): { readStop(): void; readStart(): void } | undefined {
  const { _handle } = socket as unknown as { _handle?: { readStop(): void; readStart(): void } };
  return _handle;
}
