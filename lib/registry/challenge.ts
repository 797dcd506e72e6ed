/** One way to authenticate that a server offers (RFC 9110, 11.3). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer fields are no challenge that anybody means. */
const LENGTH_LIMIT = 16 * 1024;

const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/**
 * Reads the fields WWW-Authenticate of an answer: each may hold several challenges, and the commas
 * between challenges look like those between the parameters of one (RFC 9110, 11.6.1). What cannot
 * be read ends the field it is in.
 */
export function parseChallenges(fields: readonly string[]): Challenge[] {
  return fields.filter(({ length }) => length <= LENGTH_LIMIT).flatMap(parseField);
}

function parseField(text: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? undefined;
    if (match !== undefined) at = pattern.lastIndex;
    return match;
  };
  while (true) {
    take(SEPARATORS);
    const start = at;
    const word = take(TOKEN)?.[0];
    if (word === undefined) return found;
    const current = found.at(-1);
    if (current !== undefined && take(EQUALS) !== undefined) {
      const quoted = take(QUOTED)?.[1];
      const value = quoted?.replace(/\\(.)/g, "$1") ?? take(TOKEN)?.[0];
      if (value === undefined) return found;
      const name = word.toLowerCase();
      // Of a parameter given twice, which is an error, the first one counts.
      if (!Object.hasOwn(current.parameters, name)) current.parameters[name] = value;
      continue;
    }
    found.push({ scheme: word.toLowerCase(), parameters: Object.create(null) });
    const end = at;
    if (take(SPACE)![0] === "") {
      if (at < text.length && text[at] !== ",") return found.slice(0, -1);
      continue;
    }
    // Either parameters follow, or one word of base64, which nothing here has a use for.
    if (take(TOKEN) !== undefined && take(EQUALS) !== undefined && isValue(text, at)) at = end;
    else {
      at = end;
      take(SPACE);
      take(TOKEN68);
    }
    if (at <= start) return found;
  }
}

/** Whether a parameter's value stands here, and not the end of a word of base64. */
function isValue(text: string, at: number): boolean {
  return at < text.length && text[at] !== "," && text[at] !== "=";
}
