import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";

/** Gives the value of a variable. */
export type Lookup = (name: string) => string | undefined;

const VARIABLE = String.raw`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|(\{))`;
const WORD = new RegExp(String.raw`'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|${VARIABLE}`, "gs");
const QUOTED = new RegExp(String.raw`\\(["$\\])|${VARIABLE}`, "gs");

/**
 * A text of a Dockerfile without its quotes and with the values of its variables: `$NAME`, `${NAME}`,
 * `${NAME:-when empty}`, `${NAME:+when not}`. A backslash and single quotes keep what they stand before,
 * or around, as it is.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function expand(text: string, lookup: Lookup): string {
  type Match = (string | undefined)[];
  const valueOf = ([bare, braced, when, other = "", open]: Match) => {
    if (open !== undefined) throw invalid(text, "it has ${ without a name and }");
    const value = lookup(bare ?? braced!) ?? "";
    if (when === undefined) return value;
    return (value === "") === (when === "-") ? expand(other, lookup) : when === "-" ? value : "";
  };
  const inQuotes = (quoted: string) =>
    quoted.replace(
      QUOTED,
      (_, escaped?: string, ...variable: Match) => escaped ?? valueOf(variable),
    );
  return text.replace(
    WORD,
    (_, single?: string, double?: string, escaped?: string, ...variable: Match) =>
      single ?? (double === undefined ? undefined : inQuotes(double)) ?? escaped ??
        valueOf(variable),
  );
}

/**
 * The words of a list in JSON.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function listOfWords(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(text, "it is no list in JSON");
  }
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw invalid(text, "it is no list of texts");
}

/**
 * Reads `KEY=VALUE KEY="A VALUE"`, or one `KEY VALUE`.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function pairs(text: string, lookup: Lookup): [string, string][] {
  const single = /^([^\s="']+)\s+(.*)$/s.exec(text);
  if (single !== null) return [[expand(single[1]!, lookup), expand(single[2]!, lookup)]];
  const found: [string, string][] = [];
  const pair =
    /\s*((?:"[^"]*"|'[^']*'|[^\s="'])+)=((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])*)/gsy;
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    found.push([expand(match[1]!, lookup), expand(match[2]!, lookup)]);
    if (pair.lastIndex === text.length) return found;
  }
  throw invalid(text, "it is not KEY=VALUE");
}

/** The error for a change that makes no sense. */
export function invalid(text: string, reason = "it makes no sense"): ContainerError {
  return new ContainerError(`change the image's config by ${quote(text)}: ${reason}`, {
    code: "InvalidArgument",
    hint: 'For example CMD ["nginx"], ENV KEY=VALUE, WORKDIR /srv',
  });
}
