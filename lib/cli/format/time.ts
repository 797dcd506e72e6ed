/** What Go writes where there is no time: that of the year 1. */
const ZERO_TIME = Date.parse("0001-01-01T00:00:00Z");

/**
 * A time in the form of RFC 3339, UTC; null where there is none.
 *
 * @param time ms since 1970, or a text that an image brings along, of which nothing is certain
 */
export function rfc3339(time: number | string | undefined): string | null {
  if (time === undefined) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) || date.getTime() === ZERO_TIME ? null : date.toISOString();
}
