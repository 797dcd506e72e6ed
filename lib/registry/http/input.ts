import type { Connection } from "./connection.ts";
import { ExchangeFault } from "./fault.ts";
import { type Head, HEAD_LIMIT, parseHead } from "./head.ts";
import type { Patience } from "./patience.ts";

/** Bytes that are read at a time; a head must fit. */
const BUFFER_SIZE = 2 * HEAD_LIMIT;

const LF = 0x0a;
const CR = 0x0d;

/** What comes in by a connection, read into one buffer that is used again and again. */
export class Input {
  readonly #connection: Connection;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #start = 0;
  #end = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether all that has come was taken. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /**
   * The head of the next answer; undefined when the connection ends before its first byte.
   *
   * @throws {ExchangeFault}
   */
  async head(patience: Patience): Promise<Head | undefined> {
    const bytes = await this.#through(
      HEAD_LIMIT,
      patience,
      (at) =>
        at >= this.#start + 3 && this.#buffer[at - 1] === CR && this.#buffer[at - 2] === LF &&
        this.#buffer[at - 3] === CR,
    );
    return bytes === undefined ? undefined : parseHead(bytes.subarray(0, -4));
  }

  /**
   * A line without its end.
   *
   * @throws {ExchangeFault}
   */
  async line(limit: number, patience: Patience): Promise<string> {
    const bytes = await this.#through(
      limit,
      patience,
      (at) => at > this.#start && this.#buffer[at - 1] === CR,
    );
    if (bytes === undefined) throw endedEarly();
    return new TextDecoder("latin1").decode(bytes.subarray(0, -2));
  }

  /**
   * Some bytes, at most `limit`, in place: they are overwritten by whatever is read next. Undefined
   * at the end of the connection.
   *
   * @throws {ExchangeFault}
   */
  async some(limit: number, patience: Patience): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.isEmpty) {
      this.#start = this.#end = 0;
      if (!await this.#fill(patience)) return undefined;
    }
    const start = this.#start;
    this.#start = Math.min(this.#end, start + limit);
    return this.#buffer.subarray(start, this.#start);
  }

  /** All bytes through the first LF for which `isEnd` holds; undefined when there is none at all. */
  async #through(
    limit: number,
    patience: Patience,
    isEnd: (at: number) => boolean,
  ): Promise<Uint8Array | undefined> {
    let length = 0;
    while (true) {
      for (; this.#start + length < this.#end; length++) {
        if (length >= limit) throw new ExchangeFault("malformed", "the answer's head is too long");
        const at = this.#start + length;
        if (this.#buffer[at] !== LF || !isEnd(at)) continue;
        const bytes = this.#buffer.subarray(this.#start, at + 1);
        this.#start = at + 1;
        return bytes;
      }
      if (!await this.#fill(patience)) {
        if (length === 0) return undefined;
        throw endedEarly();
      }
    }
  }

  async #fill(patience: Patience): Promise<boolean> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const count = await patience.during(() =>
      this.#connection.read(this.#buffer.subarray(this.#end))
    );
    if (count === null || count === 0) return false;
    this.#end += count;
    return true;
  }
}

/** The connection ended where something was still to come. */
export function endedEarly(): ExchangeFault {
  return new ExchangeFault("broken", "the connection ended early");
}
