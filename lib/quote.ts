/**
 * What a terminal would act upon, or a reader be misled by, beyond what JSON escapes: C1 controls,
 * direction marks, characters without width.
 */
const HIDDEN =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** The most of a text from outside that is worth showing, in characters. */
const SHOWN = 200;

/**
 * A text from outside (a file's name, a registry's answer) as it stands in a message: quoted,
 * shortened, and with every character escaped that a terminal would act upon.
 */
export function quote(text: string): string {
  return escapeHidden(JSON.stringify(shorten(text)));
}

/** As {@link quote}, but without quotes: for sentences that others wrote. One line. */
export function printable(text: string): string {
  return escapeHidden(JSON.stringify(shorten(text)).slice(1, -1).replace(/\\(["\\])/g, "$1"));
}

function shorten(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN).replace(/[\ud800-\udbff]$/, "")}…` : text;
}

/** Escapes what a terminal would act upon, or a reader be misled by, save the controls that JSON escapes. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN, escaped);
}

/** A character of the Basic Multilingual Plane as JSON may have it: `\u001b`. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * A text from outside as it may be shown on a terminal, all of it: every character is escaped that the
 * terminal would act upon, line ends too.
 */
export function visible(text: string): string {
  return escapeHidden(JSON.stringify(text).slice(1, -1).replace(/\\(["\\])/g, "$1"));
}
