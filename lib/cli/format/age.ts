const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From what age on a unit is used, and how long it is, in ms. */
const UNITS: readonly (readonly [from: number, length: number, name: string])[] = [
  [2 * 365 * DAY, 365 * DAY, "years"],
  [60 * DAY, 30.4 * DAY, "months"],
  [14 * DAY, 7 * DAY, "weeks"],
  [2 * DAY, DAY, "days"],
  [2 * HOUR, HOUR, "hours"],
  [2 * MINUTE, MINUTE, "minutes"],
  [2 * SECOND, SECOND, "seconds"],
];

/**
 * How long ago something was, as people say it: `3 weeks ago`.
 *
 * @param time ms since 1970
 */
export function formatAge(time: number, now: number = Date.now()): string {
  const age = now - time;
  if (age < -MINUTE) return "in the future";
  for (const [from, length, name] of UNITS) {
    if (age >= from) return `${Math.floor(age / length)} ${name} ago`;
  }
  return "just now";
}
