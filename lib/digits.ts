/**
 * Whether a text has digits alone, and at least one. A regular expression, which is compiled at every start, would take
 * that longer than all that is asked here.
 */
export function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text !== "";
}
