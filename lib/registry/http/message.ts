import { ExchangeFault } from "./fault.ts";
import type { Fields } from "./head.ts";

/** What is asked of a server. */
export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Header fields besides those of the connection and the content's length. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly content?: Content;
}

/** Content that goes along with a request. */
export interface Content {
  /** In bytes. */
  readonly length: number;
  /** The bytes, from the first on each time it is called: a request may have to be sent again. */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Content that is there as a whole. */
export function contentFrom(bytes: Uint8Array): Content {
  return { length: bytes.length, pieces: () => [bytes] };
}

/** What a server answered. Its content must be read to the end, or disposed of. */
export interface Answer extends Disposable {
  /** What was asked for. */
  readonly url: URL;
  readonly status: number;
  readonly fields: Fields;
  /** The content; each piece is overwritten when the next one is asked for. Can be read once. */
  readonly content: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/**
 * All of an answer's content.
 *
 * @throws {ExchangeFault} malformed when it is longer than `limit` bytes
 */
export async function contentOfAtMost(
  limit: number,
  answer: Answer,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(Math.min(limit, 16 * 1024));
  let length = 0;
  for await (const piece of answer.content) {
    if (length + piece.length > limit) {
      throw new ExchangeFault("malformed", `the answer is longer than ${limit} bytes`);
    }
    if (length + piece.length > bytes.length) {
      const larger = new Uint8Array(Math.min(limit, 2 * (length + piece.length)));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(piece, length);
    length += piece.length;
  }
  return bytes.subarray(0, length);
}
