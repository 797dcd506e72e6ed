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
 * character escaped that a terminal would act upon, direction marks among them.
 */
export function quoteName(name: ByteString): string {
  const bytes = toCString(name).subarray(0, -1);
  const text = new TextDecoder().decode(bytes.subarray(0, 1024));
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
