import { bare, say, type Scope } from "./scope.ts";

/** `%`, flags, width, precision and verb. */
const VERB = /%([-0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g;

/** The widest that a value is filled up to. */
export const WIDTH_LIMIT = 10_000;

/** Text with values in it, as Go's printf has it: `%s`, `%v`, `%q`, `%t`, `%d`, `%x`, `%f`, `%%`. */
export function printf(format: string, values: readonly unknown[], scope: Scope): string {
  const left = [...values];
  return format.replace(VERB, (_, flags: string, width: string, precision, verb: string) => {
    if (verb === "%") return "%";
    if (left.length === 0) return `%!${verb}(MISSING)`;
    const text = formatted(verb, left.shift(), precision, scope);
    const length = Math.min(Number(width), WIDTH_LIMIT);
    if (flags.includes("-")) return text.padEnd(length);
    return text.padStart(length, flags.includes("0") ? "0" : " ");
  });
}

function formatted(
  verb: string,
  value: unknown,
  precision: string | undefined,
  scope: Scope,
): string {
  const text = say(value, scope);
  switch (verb) {
    case "s":
    case "v":
      return precision === undefined ? text : [...text].slice(0, Number(precision)).join("");
    case "q":
      return JSON.stringify(text);
    case "t":
      return text;
  }
  const number = bare(value);
  if (typeof number !== "number") return `%!${verb}(${text})`;
  switch (verb) {
    case "d":
      return String(Math.trunc(number));
    case "x":
      return Math.trunc(number).toString(16);
    case "f":
      return number.toFixed(Math.min(Number(precision ?? 6), 100));
  }
  return `%!${verb}(${text})`;
}
