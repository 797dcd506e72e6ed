import { parseList } from "../list_format.ts";
import type { Place } from "./place.ts";
import type { Rule } from "./schema.ts";

/** Any text that the kernel can be given: a NUL would cut it short there. */
export function text(value: unknown, place: Place): string {
  if (anyText(value, place).includes("\0")) {
    place.expected("a string without a NUL character", value);
  }
  return value as string;
}

/** Any text at all, for what never reaches the kernel. */
export function anyText(value: unknown, place: Place): string {
  if (typeof value !== "string") place.expected("a string", value);
  return value;
}

/** Text of at least one character. */
export function nonEmptyText(value: unknown, place: Place): string {
  if (text(value, place) === "") place.expected("a string that is not empty", value);
  return value as string;
}

/** Text that is written to a file of one line. */
export function line(value: unknown, place: Place): string {
  if (text(value, place).includes("\n")) place.expected("a single line of text", value);
  return value as string;
}

/** A path from the root, of the container or of the runtime. */
export function absolutePath(value: unknown, place: Place): string {
  if (!text(value, place).startsWith("/")) {
    place.expected('an absolute path (it begins with "/")', value);
  }
  return value as string;
}

/** A name of the node itself, uname(2): at most 64 bytes. */
export function nodeName(value: unknown, place: Place): string {
  if (new TextEncoder().encode(text(value, place)).length > 64) {
    place.expected("a name of at most 64 bytes", value);
  }
  return value as string;
}

/** An entry of environ(7), `NAME=value`. */
export function environmentEntry(value: unknown, place: Place): string {
  if (text(value, place).indexOf("=") < 1) {
    place.expected('a variable of the form "NAME=value"', value);
  }
  return value as string;
}

/** A list of CPUs or memory nodes, see list_format.ts. */
export function numberList(value: unknown, place: Place): string {
  if (parseList(text(value, place)) === null) {
    place.expected('a list of numbers and ranges below 8192 such as "0-3,7"', value);
  }
  return value as string;
}

/** Text of a given form; `expected` says which, in words. */
export function matching(pattern: RegExp, expected: string): Rule<string> {
  return (value: unknown, place: Place) => {
    if (typeof value !== "string" || !pattern.test(value)) place.expected(expected, value);
    return value;
  };
}
