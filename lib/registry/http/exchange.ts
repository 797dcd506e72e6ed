import { VERSION } from "../../version.ts";
import type { Connection } from "./connection.ts";
import { contentOf } from "./content.ts";
import { ExchangeFault } from "./fault.ts";
import { type Fields, framingOf, type Head } from "./head.ts";
import type { Input } from "./input.ts";
import type { Answer, Request } from "./message.ts";
import { type Limits, Patience } from "./patience.ts";
import type { Proxy } from "./proxy.ts";

/** The most interim answers (status 1xx) before the one that counts. */
const INTERIM_LIMIT = 10;

/** How many times as long a server may say nothing when content is sent to it. */
const STORING = 10;

/** Bytes that are sent at a time, so that one sees them go. */
const PIECE = 64 * 1024;

const USER_AGENT = `gocontainer/${VERSION}`;

/** A connection that stands, and what has come in by it. */
export interface Line {
  readonly connection: Connection;
  readonly input: Input;
}

/**
 * One request and its answer (RFC 9112). Both go at the same time: a server may answer, and hang up,
 * before it has read everything.
 *
 * @param options.end called once, when all is over; whether the connection is ready for the next request
 * @returns undefined when the connection ends before anything of an answer came
 * @throws {ExchangeFault}, and whatever the request's content throws
 */
export async function exchange(
  line: Line,
  request: Request,
  options: { proxy?: Proxy; limits: Limits; end: (mayKeep: boolean) => void },
): Promise<Answer | undefined> {
  const { connection, input } = line;
  const { limits } = options;
  // What was sent is still on its way for a while, and then the server has to store it.
  const times = request.content === undefined ? 1 : STORING;
  const patience = new Patience(
    { ...limits, silence: limits.silence * times, window: limits.window * times },
    () => connection.close(),
  );
  let isOver = false;
  const end = (whole: boolean) => {
    if (isOver) return;
    isOver = true;
    patience.end();
    options.end(whole && sending.isDone && input.isEmpty);
  };
  const sending = new Sending(connection, request, options);
  try {
    patience.hold();
    sending.start(() => patience.release());
    const head = await finalHead(input, patience);
    if (head === undefined) {
      end(false);
      return undefined;
    }
    const framing = framingOf(head, request.method);
    const mayKeep = head.isCurrent && framing.kind !== "until-close" &&
      !/\bclose\b/i.test(head.fields.all("connection").join());
    const content = contentOf(input, framing, patience, (whole) => end(whole && mayKeep));
    if (framing.kind === "length" && framing.length === 0) end(mayKeep);
    return new AnswerFrom(request.url, head, content, () => end(false));
  } catch (error) {
    end(false);
    throw sending.ownFault ?? sending.fault ?? error;
  }
}

/** A request on its way out. */
class Sending {
  readonly #connection: Connection;
  readonly #request: Request;
  readonly #head: Uint8Array;
  readonly #limits: Limits;
  /** Whether all of it was sent. */
  isDone = false;
  /** What went wrong on this side. */
  ownFault: unknown;
  /** What went wrong on the way. */
  fault: ExchangeFault | undefined;

  constructor(
    connection: Connection,
    request: Request,
    options: { proxy?: Proxy; limits: Limits },
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#head = headOf(request, options.proxy);
    this.#limits = options.limits;
  }

  /** @param done called when nothing more is going to be sent */
  start(done: () => void): void {
    const patience = new Patience(this.#limits, (fault) => {
      this.fault = fault;
      this.#connection.close();
    });
    this.#send(patience).then(() => this.isDone = true, (error) => {
      // The server may have answered all the same, and told why.
      if (error instanceof ExchangeFault) {
        this.fault ??= error;
        return;
      }
      this.ownFault = error;
      this.#connection.close();
    }).finally(() => {
      patience.end();
      done();
    });
  }

  async #send(patience: Patience): Promise<void> {
    const write = (bytes: Uint8Array) =>
      patience.during(async () => {
        await this.#connection.write(bytes);
        return bytes.length;
      });
    await write(this.#head);
    const { content } = this.#request;
    if (content === undefined) return;
    let length = 0;
    for await (const piece of content.pieces()) {
      length += piece.length;
      if (length > content.length) break;
      for (let at = 0; at < piece.length; at += PIECE) await write(piece.subarray(at, at + PIECE));
    }
    if (length !== content.length) throw new Error("send: the content is not as long as was said");
  }
}

async function finalHead(input: Input, patience: Patience): Promise<Head | undefined> {
  for (let interim = 0; interim < INTERIM_LIMIT; interim++) {
    const head = await input.head(patience);
    if (head === undefined || head.status >= 200) return head;
    if (head.status === 101) break;
  }
  throw new ExchangeFault("malformed", "the server does not come to an answer");
}

/** A request's head as it is sent; to a proxy for plain HTTP the whole URL is named. */
function headOf({ url, method, content, fields }: Request, proxy?: Proxy): Uint8Array {
  const isPlainProxy = proxy !== undefined && url.protocol === "http:";
  const all: [string, string][] = [
    ["Host", url.host],
    ["User-Agent", USER_AGENT],
    ["Accept-Encoding", "identity"],
    ...Object.entries(fields ?? {}),
  ];
  if (isPlainProxy && proxy.authorization !== undefined) {
    all.push(["Proxy-Authorization", proxy.authorization]);
  }
  const length = content?.length ?? (method === "GET" || method === "HEAD" ? undefined : 0);
  if (length !== undefined) all.push(["Content-Length", String(length)]);
  const lines = all.map(([name, value]) => {
    // Nothing from a registry or a user may begin another field.
    if (/[^\t\x20-\x7e]/.test(value)) throw new TypeError(`send the field ${name}: it is not text`);
    return `${name}: ${value}\r\n`;
  });
  const target = `${isPlainProxy ? url.origin : ""}${url.pathname}${url.search}`;
  return new TextEncoder().encode(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

class AnswerFrom implements Answer {
  readonly url: URL;
  readonly status: number;
  readonly fields: Fields;
  readonly content: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  readonly #end: () => void;

  constructor(
    url: URL,
    head: Head,
    content: AsyncGenerator<Uint8Array<ArrayBuffer>>,
    end: () => void,
  ) {
    this.url = url;
    this.status = head.status;
    this.fields = head.fields;
    this.content = content;
    this.#end = end;
  }

  [Symbol.dispose](): void {
    this.#end();
  }
}
