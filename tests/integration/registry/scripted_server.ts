/** A server on loopback that says to each connection what it was told to, whatever it is asked. */

/**
 * What one connection gets. Called with what the client sent up to the end of its head; `body` reads
 * that many bytes more.
 */
export type Script = (
  request: string,
  conn: Deno.TcpConn,
  body: (length: number) => Promise<string>,
) => Promise<void> | void;

export class ScriptedServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #script: Script;
  readonly #running: Promise<void>;
  readonly #conns = new Set<Deno.TcpConn>();
  /** The heads of all requests, in order. */
  readonly requests: string[] = [];
  /** How many connections there were. */
  connections = 0;

  constructor(script: Script, readonly hostname = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.#script = script;
    this.#running = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): URL {
    return new URL(`http://${this.hostname}:${this.port}/`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#running;
  }

  /** Ends all connections that there are. */
  cut(): void {
    for (const conn of this.#conns) closeQuietly(conn);
  }

  async #accept(): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      for await (const conn of this.#listener) {
        this.connections++;
        all.push(this.#serve(conn));
      }
    } catch {
      // The listener was closed.
    }
    await Promise.all(all);
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    this.#conns.add(conn);
    const buffer = new Uint8Array(64 * 1024);
    let text = "";
    const more = async () => {
      const count = await conn.read(buffer);
      if (count === null) throw new Error("the client hung up");
      text += oneCharacterEach(buffer.subarray(0, count));
    };
    const body = async (length: number) => {
      while (text.length < length) await more();
      const taken = text.slice(0, length);
      text = text.slice(length);
      return taken;
    };
    try {
      while (true) {
        // A client that tries whether there is TLS here.
        if (text.startsWith("\x16\x03")) {
          await say(conn, "HTTP/1.0 400 Bad Request\r\n\r\n");
          break;
        }
        const end = text.indexOf("\r\n\r\n");
        if (end >= 0) {
          const request = text.slice(0, end + 4);
          text = text.slice(end + 4);
          this.requests.push(request);
          await this.#script(request, conn, body);
        } else await more();
      }
    } catch {
      // The client hung up, or the script did.
    } finally {
      closeQuietly(conn);
      this.#conns.delete(conn);
    }
  }
}

/** Says a text as it is. */
export async function say(conn: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** An answer with a body of known length. */
export function answer(status: number, fields: string[], body = ""): string {
  const lines = [`HTTP/1.1 ${status} X`, ...fields, `Content-Length: ${body.length}`];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}

/** Bytes as characters U+0000 to U+00FF, which no TextDecoder does. */
function oneCharacterEach(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}
