const encoder = new TextEncoder();

/** A name for the kernel: text, or for a name that need not be UTF-8 its bytes with the closing NUL. */
export type Name = string | Uint8Array<ArrayBuffer>;

/** Short names come again and again: options, types of file systems, and most of all the empty one. */
const kept = new Map<string, Uint8Array<ArrayBuffer>>();
const LONGEST_KEPT = 12;
const MOST_KEPT = 256;

/**
 * A string as the kernel reads it: UTF-8 with a closing NUL, in memory that does not move and is not to be written
 * to. Bytes are given back as they are.
 *
 * @throws {TypeError} when the text itself contains a NUL, which would cut it short.
 */
export function cstring(text: Name): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") return text;
  const isShort = text.length <= LONGEST_KEPT;
  const known = isShort ? kept.get(text) : undefined;
  if (known !== undefined) return known;
  if (text.includes("\0")) throw new TypeError(`Text contains a NUL byte: ${JSON.stringify(text)}`);
  const bytes = encoder.encode(`${text}\0`);
  if (isShort && kept.size < MOST_KEPT) kept.set(text, keepAddress(bytes));
  return bytes;
}

/** Where short texts are read from, each up to a NUL. */
const TEXT = new Uint8Array(new ArrayBuffer(4096));
let textAddress: Deno.PointerObject | null = null;
let decoder: TextDecoder | undefined;

/**
 * The text of bytes; what is not UTF-8 in them becomes U+FFFD. Of short ones it is read as of strings of C, for a
 * TextDecoder costs a start 0.2 ms; it does the same, but for a byte order mark.
 */
export function utf8(bytes: Uint8Array): string {
  const { length } = bytes;
  const FIRST_OF_MARK = 0xef;
  if (length < TEXT.length && bytes[0] !== FIRST_OF_MARK) {
    TEXT.set(bytes);
    TEXT[length] = 0;
    textAddress ??= Deno.UnsafePointer.of(TEXT);
    for (let text = "", start = 0;; text += "\0") {
      text += Deno.UnsafePointerView.getCString(textAddress!, start);
      start = TEXT.indexOf(0, start) + 1;
      if (start > length) return text;
    }
  }
  decoder ??= new TextDecoder();
  return decoder.decode(bytes);
}

/** The text before the first NUL of what the kernel wrote; all of it when there is none. */
export function fromCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * A NULL-terminated array of strings (`char *const argv[]`, see execve(2)).
 *
 * The array holds plain addresses, so this object owns the strings: keep it reachable until the
 * call has been made, or the collector frees them.
 */
export class CStringArray {
  /** The pointer array itself. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #strings: Uint8Array<ArrayBuffer>[];

  constructor(strings: readonly string[]) {
    this.#strings = strings.map(cstring);
    const pointers = new BigUint64Array(new ArrayBuffer(8 * (strings.length + 1)));
    this.#strings.forEach((string, i) => pointers[i] = addressOf(string));
    this.bytes = new Uint8Array(pointers.buffer);
  }
}

/** Of buffers that are in use to the end. */
const addresses = new Map<Uint8Array, bigint>();
const NOT_ASKED = 0n;

/** The address of a buffer, for a struct that holds pointers. The caller keeps the buffer alive. */
export function addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
  const known = addresses.get(buffer);
  if (known === undefined) return askAddress(buffer);
  if (known !== NOT_ASKED) return known;
  const address = askAddress(buffer);
  addresses.set(buffer, address);
  return address;
}

/**
 * For a buffer that is in use to the end: its address is asked for once at most, which takes longer than most calls.
 */
export function keepAddress(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  addresses.set(buffer, NOT_ASKED);
  return buffer;
}

function askAddress(buffer: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}
