import { UsageError } from "../errors.ts";

const UNITS: Readonly<Record<string, bigint>> = {
  "": 1n,
  k: 2n ** 10n,
  m: 2n ** 20n,
  g: 2n ** 30n,
  t: 2n ** 40n,
  p: 2n ** 50n,
};

/**
 * A number of bytes with a suffix K, M, G, T or P, with or without B or iB, all powers of 1024.
 *
 * @throws {UsageError} when it is not one, or not a size that memory can have.
 */
export function parseBytes(text: string, option: string): number {
  const bytes = exactBytes(text, option);
  if (bytes >= 1n && bytes <= Number.MAX_SAFE_INTEGER) return Number(bytes);
  throw new UsageError(`read "${option} ${text}": out of range`, {
    hint: "Give at least 1 byte and less than 8192 T",
  });
}

/** As {@link parseBytes}, for what may be -1, unlimited, or 0 or beyond 2^53, exact. */
export function parseMemory(text: string, option: string): number | bigint {
  if (text === "-1") return -1;
  const bytes = exactBytes(text, option);
  return bytes <= Number.MAX_SAFE_INTEGER ? Number(bytes) : bytes;
}

function exactBytes(text: string, option: string): bigint {
  const match = text.match(
    /^(?=\.?[0-9])([0-9]{0,20})(?:\.([0-9]{0,20}))?\s*(?:([kmgtp])(?:i?b)?|b)?$/i,
  );
  if (match === null) {
    throw new UsageError(`read "${option} ${text}": not a size`, {
      hint: "Give bytes, or a number with K, M, G or T, as in 512M",
    });
  }
  const [, whole, fraction = "", unit = ""] = match;
  return BigInt(whole + fraction) * UNITS[unit.toLowerCase()]! / 10n ** BigInt(fraction.length);
}

/** @throws {UsageError} when a text is not a whole number from `least` to `most`. */
export function parseWhole(
  text: string,
  option: string,
  least: number,
  most: number,
  hint?: string,
): number {
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`read "${option} ${text}": not a whole number from ${least} to ${most}`, {
    hint,
  });
}

/** @throws {UsageError} when a text is not a decimal number from `least` to `most`. */
export function parseDecimal(text: string, option: string, least: number, most: number): number {
  const number = /^(?=\.?[0-9])[0-9]{0,9}(\.[0-9]{0,9})?$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`read "${option} ${text}": not a number from ${least} to ${most}`);
}

const AGE_UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * A span of time as a number with s, m, h, d or w, or several of these: `1d12h`; in ms.
 *
 * @throws {UsageError} when it is none
 */
export function parseAge(text: string, option: string): number {
  const parts = [...text.matchAll(/([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === text) {
    return parts.reduce((sum, [, number, unit]) => sum + Number(number) * AGE_UNITS[unit!]!, 0);
  }
  throw new UsageError(`read "${option} ${text}": not a span of time`, {
    hint: "Give a number with s, m, h, d or w, as in 10d or 1d12h",
  });
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Durations are 64 bits of nanoseconds. */
const LONGEST_DURATION = 2 ** 63 / 1e6;

/**
 * A duration of more than nothing as Go writes it, such as `1m30s`, `500us` or `.5s`; in ms.
 *
 * @throws {UsageError} when it is none
 */
export function parseDuration(text: string, option: string): number {
  const parts = [...text.matchAll(/([0-9]+\.?[0-9]*|\.[0-9]+)(ns|[uµμ]s|ms|s|m|h)/g)];
  const duration = parts.map(([part]) => part).join("") === text
    ? parts.reduce((sum, [, number, unit]) => sum + Number(number) * DURATION_UNITS[unit!]!, 0)
    : 0;
  if (duration > 0 && duration < LONGEST_DURATION) return duration;
  throw new UsageError(`read "${option} ${text}": not a duration`, {
    hint: "Give a number with ms, s, m or h, or several, as in 500ms or 1m30s",
  });
}
