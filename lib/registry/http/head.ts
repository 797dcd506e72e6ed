import { ExchangeFault } from "./fault.ts";

/** The most bytes of an answer's head, and the most fields in it. */
export const HEAD_LIMIT = 64 * 1024;
const FIELD_LIMIT = 200;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: .*)?$/;
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/;
const NOT_TEXT = /[^\t\x20-\x7e\x80-\xff]/;

/** The fields of a message's head; names in any case (RFC 9110, 5). */
export class Fields {
  readonly #values = new Map<string, string[]>();

  constructor(pairs: Iterable<readonly [name: string, value: string]> = []) {
    for (const [name, value] of pairs) this.add(name, value);
  }

  add(name: string, value: string): void {
    const key = name.toLowerCase();
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  /** The values of all fields of a name, in order. */
  all(name: string): readonly string[] {
    return this.#values.get(name.toLowerCase()) ?? [];
  }

  /** The value of a field; of several that of the first. */
  get(name: string): string | undefined {
    return this.all(name)[0];
  }
}

/** The head of an answer. */
export interface Head {
  readonly status: number;
  /** Whether the server speaks HTTP/1.1, and not 1.0. */
  readonly isCurrent: boolean;
  readonly fields: Fields;
}

/**
 * Reads the head of an answer, without the empty line at its end (RFC 9112, 4 and 5), strictly: lines
 * end in CR LF, none goes on in the next, and no control characters.
 *
 * @throws {ExchangeFault} malformed
 */
export function parseHead(bytes: Uint8Array): Head {
  // One character for each byte.
  const lines = new TextDecoder("latin1").decode(bytes).split("\r\n");
  const status = STATUS_LINE.exec(lines[0]!);
  if (status === null) throw new ExchangeFault("malformed", "the answer is not HTTP/1.1");
  if (lines.length - 1 > FIELD_LIMIT) {
    throw new ExchangeFault("malformed", `the answer has more than ${FIELD_LIMIT} header fields`);
  }
  const fields = new Fields();
  for (const line of lines.slice(1)) {
    const field = FIELD_LINE.exec(line);
    if (field === null || NOT_TEXT.test(line)) {
      throw new ExchangeFault("malformed", "the answer has a malformed header field");
    }
    fields.add(field[1]!, withoutSpaceAround(field[2]!));
  }
  return { status: Number(status[2]), isCurrent: status[1] === "1", fields };
}

/** A value without spaces and tabs before and after it; an expression would look for its end from each space in it on. */
function withoutSpaceAround(value: string): string {
  const isSpace = (at: number) => value[at] === " " || value[at] === "\t";
  let [start, end] = [0, value.length];
  while (start < end && isSpace(start)) start++;
  while (start < end && isSpace(end - 1)) end--;
  return value.slice(start, end);
}

/** How the end of an answer's content is told. */
export type Framing =
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

/**
 * How much content follows a head (RFC 9112, 6.3). Two ways at once are refused: whoever sends them
 * wants them to be taken differently by different readers.
 *
 * @throws {ExchangeFault} malformed
 */
export function framingOf(head: Head, method: string): Framing {
  const { status, fields } = head;
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
    return { kind: "length", length: 0 };
  }
  const codings = fields.all("transfer-encoding");
  const lengths = new Set(
    fields.all("content-length").flatMap((value) => value.split(",").map(withoutSpaceAround)),
  );
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]!.toLowerCase() !== "chunked" || lengths.size > 0) {
      throw new ExchangeFault("malformed", "the answer's content is framed in an unknown way");
    }
    return { kind: "chunked" };
  }
  if (lengths.size === 0) return { kind: "until-close" };
  const [length] = [...lengths];
  if (lengths.size > 1 || !/^[0-9]{1,15}$/.test(length!)) {
    throw new ExchangeFault("malformed", "the answer's content has no certain length");
  }
  return { kind: "length", length: Number(length) };
}
