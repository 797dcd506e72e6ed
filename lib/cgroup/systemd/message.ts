/** The wire format of D-Bus (D-Bus Specification, "Message Format"): as much of it as a call takes. */

import { alloc } from "../../../ffi/struct.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes values one after another, each at its alignment, little-endian. */
export class MessageWriter {
  #bytes = alloc(1024);
  #length = 0;

  /** What has been written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Fills up to a multiple of `boundary`. */
  align(boundary: number): this {
    this.#take(Math.ceil(this.#length / boundary) * boundary - this.#length);
    return this;
  }

  byte(value: number): this {
    this.#bytes[this.#take(1)] = value;
    return this;
  }

  uint32(value: number): this {
    this.align(4);
    const at = this.#take(4);
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
    return this;
  }

  uint64(value: bigint): this {
    this.align(8);
    const at = this.#take(8);
    new DataView(this.#bytes.buffer).setBigUint64(at, value, true);
    return this;
  }

  boolean(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  /** A string or an object path. */
  string(text: string): this {
    const bytes = encoder.encode(text);
    this.uint32(bytes.length);
    return this.#raw(bytes);
  }

  signature(text: string): this {
    const bytes = encoder.encode(text);
    this.byte(bytes.length);
    return this.#raw(bytes);
  }

  /** An array whose elements begin at multiples of `boundary`. */
  array(boundary: number, elements: (writer: this) => void): this {
    this.uint32(0);
    const lengthAt = this.#length - 4;
    this.align(boundary);
    const start = this.#length;
    elements(this);
    new DataView(this.#bytes.buffer).setUint32(lengthAt, this.#length - start, true);
    return this;
  }

  #raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length + 1);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Makes room, zeroed, and gives where it begins. */
  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = alloc(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }
}

/** A method call: its header, and its body behind it. */
export function methodCall(
  call: { path: string; interface: string; member: string; destination: string },
  signature: string,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const METHOD_CALL = 1;
  const SERIAL = 1;
  const writer = new MessageWriter().byte(0x6c).byte(METHOD_CALL).byte(0).byte(1)
    .uint32(body.length).uint32(SERIAL);
  writer.array(8, () => {
    const field = (code: number, type: string, value: string) => {
      writer.align(8).byte(code).signature(type);
      if (type === "g") writer.signature(value);
      else writer.string(value);
    };
    field(1, "o", call.path);
    field(2, "s", call.interface);
    field(3, "s", call.member);
    field(6, "s", call.destination);
    field(8, "g", signature);
  }).align(8);
  const message = alloc(writer.bytes.length + body.length);
  message.set(writer.bytes);
  message.set(body, writer.bytes.length);
  return message;
}

/** How many bytes of a message come before its header's fields. */
export const FIXED_HEADER = 16;

/** The length of a whole message, by its first {@link FIXED_HEADER} bytes. */
export function messageLength(header: Uint8Array<ArrayBuffer>): number {
  const view = new DataView(header.buffer, header.byteOffset);
  const fields = view.getUint32(12, true);
  return FIXED_HEADER + Math.ceil(fields / 8) * 8 + view.getUint32(4, true);
}

/** What a message answers: nothing wrong, an error in words, or nothing at all when it is a signal. */
export function readReply(
  message: Uint8Array<ArrayBuffer>,
): { readonly error?: string } | undefined {
  const METHOD_RETURN = 2;
  const ERROR = 3;
  if (message[1] === METHOD_RETURN) return {};
  if (message[1] !== ERROR) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const body = message.length - view.getUint32(4, true);
  // The first thing that errors have is a sentence.
  const length = body + 4 <= message.length ? view.getUint32(body, true) : 0;
  return { error: decoder.decode(message.subarray(body + 4, body + 4 + length)) || "refused" };
}
