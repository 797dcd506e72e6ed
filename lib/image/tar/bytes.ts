import { utf8 } from "../../../ffi/cstring.ts";
import { quote } from "../../quote.ts";

/**
 * Bytes as a string with one character, U+0000 to U+00FF, for each. The names in an archive are
 * bytes in no certain encoding; in this form they are compared, split and used as keys exactly.
 */
export type ByteString = string;

/** Bytes as a byte string. */
export function toByteString(bytes: Uint8Array): ByteString {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** A byte string as the kernel takes it: its bytes and a closing NUL, in memory that does not move. */
export function toCString(text: ByteString): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(text.length + 1));
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * A name from an archive as it stands in a message: read as UTF-8, quoted, shortened, and with every
 * character escaped that a terminal would act upon.
 */
export function quoteName(name: ByteString): string {
  return quote(utf8(toCString(name.slice(0, 1024)).subarray(0, -1)));
}
