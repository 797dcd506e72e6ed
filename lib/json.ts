import { ContainerError, type ErrorCode } from "./errors.ts";

/** How {@link parseJSON} reads: what it is called in errors, and the limits. */
export interface ParseOptions {
  /** What is read, as errors call it: `config.json`, `manifest of alpine:3.20`. */
  what: string;
  /** The most bytes of text that are read; 4 MiB unless told. */
  maxBytes?: number;
  /** The most arrays and objects that may stand within each other; 64 unless told. */
  maxDepth?: number;
  /** The code of the errors; `InvalidSpec` unless told. */
  code?: ErrorCode;
}

/**
 * Reads JSON (RFC 8259) from outside, strictly: UTF-8 and nothing else, no name twice in one object,
 * limits on size and depth. Integers beyond 2^53 come as bigint, exact; all other numbers as number.
 * A member called `__proto__` is a member like any other.
 *
 * `JSON.parse` can do none of these: it takes the last of two equal names and rounds integers.
 *
 * @throws {ContainerError} naming line and column, or the member.
 */
export function parseJSON(source: string | Uint8Array, options: ParseOptions): unknown {
  return new Parser(jsonText(source, options), options).document();
}

/**
 * The text of a JSON document: within the size limit and proper UTF-8, else an error as of
 * {@link parseJSON}. For those who keep the text beside what it says.
 */
export function jsonText(source: string | Uint8Array, options: ParseOptions): string {
  const { what, maxBytes = DEFAULT_MAX_BYTES, code = "InvalidSpec" } = options;
  // A text never has more UTF-16 units than bytes.
  if (source.length > maxBytes) {
    throw new ContainerError(`${what}: larger than ${maxBytes} bytes`, { code });
  }
  if (typeof source === "string") return source;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(source);
  } catch (cause) {
    throw new ContainerError(`${what}: not UTF-8 text`, { code, cause });
  }
}

/** Writes JSON with bigint as exact integers. `indent` is a number of spaces; one line unless told. */
export function stringifyJSON(value: unknown, indent?: number): string {
  const exact = (_name: string, member: unknown) =>
    typeof member === "bigint" ? rawJSON(String(member)) : member;
  return JSON.stringify(value, exact, indent);
}

/** The way to a member as errors show it: `linux.devices[2].path`, `linux.sysctl["net.core.somaxconn"]`. */
export function memberPath(names: readonly (string | number)[]): string {
  let path = "";
  for (const name of names) {
    if (typeof name === "number") path += `[${name}]`;
    else if (!/^[A-Za-z_]\w*$/.test(name)) path += `[${quoteShort(name)}]`;
    else path += path === "" ? name : `.${name}`;
  }
  return path;
}

/** A string in quotes, cut to a length that a line of text can bear. */
export function quoteShort(text: string): string {
  return text.length <= 100 ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, 100))}…`;
}

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_DEPTH = 64;
/** More digits than this are no number that anything here means, and slow to read as bigint. */
const MAX_NUMBER_LENGTH = 400;

/** JSON.rawJSON of ECMAScript's "JSON.parse source text access", which TypeScript has no type for. */
function rawJSON(text: string): unknown {
  return (JSON as { rawJSON?(text: string): unknown }).rawJSON!(text);
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, MINUS = 0x2d, PLUS = 0x2b;
const DOT = 0x2e, ZERO = 0x30, NINE = 0x39, SPACE = 0x20, TAB = 0x09, NEWLINE = 0x0a, RETURN = 0x0d;
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;

/** A recursive descent over the text. Past its end `charCodeAt` is NaN, which equals nothing. */
class Parser {
  readonly #text: string;
  readonly #options: ParseOptions;
  readonly #maxDepth: number;
  /** The names and indices that lead to where the parser stands; its length is the depth. */
  readonly #names: (string | number)[] = [];
  #at = 0;

  constructor(text: string, options: ParseOptions) {
    this.#text = text;
    this.#options = options;
    this.#maxDepth = options.maxDepth ?? DEFAULT_MAX_DEPTH;
  }

  document(): unknown {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#unexpected("the end");
    return value;
  }

  #value(): unknown {
    switch (this.#skipSpace()) {
      case QUOTE:
        return this.#string();
      case OPEN_BRACE:
        return this.#object();
      case OPEN_BRACKET:
        return this.#array();
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
    }
    return this.#number();
  }

  /** Goes to the next character that is no white space and returns it. */
  #skipSpace(): number {
    let char = this.#text.charCodeAt(this.#at);
    while (char === SPACE || char === NEWLINE || char === TAB || char === RETURN) {
      char = this.#text.charCodeAt(++this.#at);
    }
    return char;
  }

  #word(word: string, value: boolean | null): boolean | null {
    if (!this.#text.startsWith(word, this.#at)) this.#unexpected("a value");
    this.#at += word.length;
    return value;
  }

  #object(): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    const depth = this.#enter();
    this.#at++;
    if (this.#skipSpace() === CLOSE_BRACE) return this.#leave(members);
    for (;;) {
      if (this.#skipSpace() !== QUOTE) this.#unexpected("a name in quotes");
      const name = this.#string();
      this.#names[depth] = name;
      if (Object.hasOwn(members, name)) this.#refuse("the name stands twice in one object");
      if (this.#skipSpace() !== COLON) this.#unexpected('":"');
      this.#at++;
      // Deno's objects have no __proto__ setter: that name is one like any other.
      members[name] = this.#value();
      const char = this.#skipSpace();
      if (char === CLOSE_BRACE) return this.#leave(members);
      if (char !== COMMA) this.#unexpected('"," or "}"');
      this.#at++;
    }
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    const depth = this.#enter();
    this.#at++;
    if (this.#skipSpace() === CLOSE_BRACKET) return this.#leave(items);
    for (;;) {
      this.#names[depth] = items.length;
      items.push(this.#value());
      const char = this.#skipSpace();
      if (char === CLOSE_BRACKET) return this.#leave(items);
      if (char !== COMMA) this.#unexpected('"," or "]"');
      this.#at++;
    }
  }

  /** One level down: returns the index of the level's own name. */
  #enter(): number {
    if (this.#names.length === this.#maxDepth) {
      this.#refuse(`nested deeper than ${this.#maxDepth} levels`, this.#names.slice(0, 4));
    }
    return this.#names.push(0) - 1;
  }

  #leave<T>(value: T): T {
    this.#names.pop();
    this.#at++;
    return value;
  }

  #string(): string {
    const text = this.#text;
    const start = ++this.#at;
    let end = start;
    let isPlain = true;
    for (let char = text.charCodeAt(end); char !== QUOTE; char = text.charCodeAt(++end)) {
      if (char === BACKSLASH) {
        isPlain = false;
        end++;
      } else if (!(char >= SPACE)) {
        this.#at = end;
        this.#unexpected("a string without raw control characters, closed by a quote");
      }
    }
    this.#at = end + 1;
    return isPlain ? text.slice(start, end) : this.#unescape(start, end);
  }

  #unescape(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
    } catch {
      this.#at = start;
      return this.#unexpected('a string with the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX');
    }
  }

  #number(): number | bigint {
    const text = this.#text;
    const start = this.#at;
    if (text.charCodeAt(this.#at) === MINUS) this.#at++;
    if (text.charCodeAt(this.#at) === ZERO) this.#at++;
    else this.#digits(start);
    let isInteger = true;
    if (text.charCodeAt(this.#at) === DOT) {
      isInteger = false;
      this.#at++;
      this.#digits(start);
    }
    if ((text.charCodeAt(this.#at) | 0x20) === 0x65) {
      isInteger = false;
      const sign = text.charCodeAt(++this.#at);
      if (sign === PLUS || sign === MINUS) this.#at++;
      this.#digits(start);
    }
    const literal = text.slice(start, this.#at);
    if (literal.length > MAX_NUMBER_LENGTH) {
      this.#refuse(`a number of more than ${MAX_NUMBER_LENGTH} digits`);
    }
    const value = Number(literal);
    return isInteger && !Number.isSafeInteger(value) ? BigInt(literal) : value;
  }

  #digits(start: number): void {
    const first = this.#at;
    let char = this.#text.charCodeAt(first);
    while (char >= ZERO && char <= NINE) char = this.#text.charCodeAt(++this.#at);
    if (this.#at > first) return;
    if (first === start) this.#unexpected("a value");
    this.#unexpected("a digit");
  }

  #unexpected(wanted: string): never {
    const before = this.#text.slice(0, this.#at);
    const line = before.split("\n").length;
    const column = this.#at - before.lastIndexOf("\n");
    const char = this.#text.codePointAt(this.#at);
    const found = char === undefined ? "the end" : quoteShort(String.fromCodePoint(char));
    this.#fail(`line ${line}, column ${column}: expected ${wanted}, got ${found}`);
  }

  #refuse(sentence: string, names: readonly (string | number)[] = this.#names): never {
    const path = memberPath(names);
    this.#fail(path === "" ? sentence : `${path}: ${sentence}`);
  }

  #fail(message: string): never {
    const { what, code } = this.#options;
    throw new ContainerError(`${what}: ${message}`, { code: code ?? "InvalidSpec" });
  }
}
