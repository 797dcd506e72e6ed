import type { Integer } from "../spec.ts";
import type { Place } from "./place.ts";
import type { Rule } from "./schema.ts";

/**
 * An integer between bounds that a number holds exactly.
 *
 * @param expected what it is, for errors; the bounds are added: `a number of bytes`.
 */
export function integer(min: number, max: number, expected = "an integer"): Rule<number> {
  return (value: unknown, place: Place) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      place.expected(`${expected} from ${min} to ${max}`, value);
    }
    return value;
  };
}

/** As {@link integer}, for bounds of 64 bits. Json.ts gives a bigint only where a number is not exact. */
export function integer64(min: bigint, max: bigint, expected = "an integer"): Rule<Integer> {
  return (value: unknown, place: Place) => {
    const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
    if (!isInteger || (value as Integer) < min || (value as Integer) > max) {
      place.expected(`${expected} from ${min} to ${max}`, value);
    }
    return value as Integer;
  };
}

/** Another rule, for a value that says nothing when it is one certain number. */
export function unless<T extends Integer>(nothing: Integer, rule: Rule<T>): Rule<T | undefined> {
  return (value, place) => value === nothing ? undefined : rule(value, place);
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

export const uint32: Rule<number> = integer(0, 0xffff_ffff);
export const int64: Rule<Integer> = integer64(INT64_MIN, INT64_MAX);
export const uint64: Rule<Integer> = integer64(0n, UINT64_MAX);

/** A user or group id; the highest 32-bit number means "none" to the kernel. */
export const id: Rule<number> = integer(0, 0xffff_fffe, "a user or group id");

/** The device numbers that the kernel's 32-bit encoding has room for, makedev(3). */
export const major: Rule<number> = integer(0, 0xfff, "a major device number");
export const minor: Rule<number> = integer(0, 0xf_ffff, "a minor device number");

/** Bytes or -1 for unlimited. Engines write 0 where nothing is asked for. */
export const memoryLimit: Rule<Integer | undefined> = unless(
  0,
  integer64(-1n, INT64_MAX, "a number of bytes, or -1 for unlimited,"),
);
