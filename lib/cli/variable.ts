import { UsageError } from "../errors.ts";

/**
 * A variable as `-e` takes it: KEY=VALUE, or KEY alone for the caller's own, which is none where he has none.
 *
 * @throws {UsageError} for what is not a variable.
 */
export function parseVariable(text: string): string[] {
  const at = text.indexOf("=");
  const key = at < 0 ? text : text.slice(0, at);
  if (key === "" || text.includes("\0")) {
    throw new UsageError(`read "-e ${text}": not a variable`, { hint: "Give KEY=VALUE" });
  }
  if (at >= 0) return [text];
  const value = Deno.env.get(key);
  return value === undefined ? [] : [`${key}=${value}`];
}
