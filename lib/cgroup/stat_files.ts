import type { Integer } from "../oci/spec.ts";
import { readIfThere } from "./cgroupfs.ts";

/** What `max` means where a limit is a number: 2^64-1. */
export const NO_LIMIT = 2n ** 64n - 1n;

/** Reads the counting files of one folder; those that are not there count 0. */
export class StatFiles {
  readonly #folder: string | undefined;

  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** A file's text, trimmed; empty when it is not there. */
  text(file: string): string {
    if (this.#folder === undefined) return "";
    return (readIfThere(`${this.#folder}/${file}`) ?? "").trim();
  }

  /** Whether the folder has this file. */
  has(file: string): boolean {
    return this.#folder !== undefined && readIfThere(`${this.#folder}/${file}`) !== undefined;
  }

  /** A file that holds one number, or `max`. */
  number(file: string, max: Integer = NO_LIMIT): Integer {
    const text = this.text(file);
    return text === "max" ? max : integer(text);
  }

  /** A file of lines `key number`. */
  table(file: string): Record<string, Integer> {
    const lines = this.text(file).split("\n").filter(Boolean).map((line) => line.split(" "));
    return Object.fromEntries(lines.map(([key = "", value = ""]) => [key, integer(value)]));
  }

  /** The page sizes for which there are files `hugetlb.<size>.<ending>`. */
  pageSizes(ending: string): string[] {
    if (this.#folder === undefined) return [];
    return [...Deno.readDirSync(this.#folder)]
      .map(({ name }) => name.match(/^hugetlb\.([0-9]+[KMG]B)\.(.+)$/))
      .filter((match) => match?.[2] === ending).map((match) => match![1]!).sort();
  }
}

/** A number, as bigint where it is beyond 2^53; 0 for no text. */
export function integer(text: string): Integer {
  const value = BigInt(text || "0");
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** A product, exact. */
export function times(value: Integer, factor: number): Integer {
  return integer(`${BigInt(value) * BigInt(factor)}`);
}

/** A sum, exact, that stays at {@link NO_LIMIT}. */
export function plus(one: Integer, other: Integer): Integer {
  const sum = BigInt(one) + BigInt(other);
  return integer(`${sum < NO_LIMIT ? sum : NO_LIMIT}`);
}
