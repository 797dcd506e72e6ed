/**
 * A time in the form of RFC 3339, UTC; null where there is none.
 *
 * @param time ms since 1970, or a text that an image brings along, of which nothing is certain
 */
export function rfc3339(time: number | string | undefined): string | null {
  if (time === undefined) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
