import { invalid } from "./invalid.ts";

/** A piece of a template: text as it is, or what stands between braces. */
export type Piece = string | { readonly inner: string };

/**
 * Takes a template to pieces.
 *
 * @throws {UsageError}
 */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let isTrimmed = false;
  const add = (end: number, trimEnd: boolean) => {
    let piece = text.slice(at, end);
    if (isTrimmed) piece = piece.trimStart();
    if (trimEnd) piece = piece.trimEnd();
    if (piece.includes("{{")) throw invalid(text, '"{{" is not closed by "}}"');
    pieces.push(literal(piece));
  };
  for (const match of text.matchAll(/\{\{(-\s)?(.*?)(\s-)?\}\}/gs)) {
    const [all, before, inner = "", after] = match;
    add(match.index, before !== undefined);
    if (!/^\s*\/\*.*\*\/\s*$/s.test(inner)) pieces.push({ inner: inner.trim() });
    at = match.index + all.length;
    isTrimmed = after !== undefined;
  }
  add(text.length, false);
  return pieces;
}

/** Text outside of braces. */
export function literal(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

/** A word of what stands between braces. */
export interface Token {
  readonly kind: "path" | "text" | "number" | "word" | "sign";
  readonly text: string;
  /** Whether it follows the one before without a space. */
  readonly isGlued: boolean;
}

const TOKEN =
  /(?<space>\s*)(?:(?<path>(?:\$\w*)?(?:\.\w+)+|\$\w*|\.)|(?<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z]\w*)|(?<sign>:=|[()|,]))/sy;

/**
 * Takes what stands between braces to words.
 *
 * @throws {UsageError}
 */
export function tokensOf(inner: string, text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = inner.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const groups = TOKEN.exec(inner)?.groups;
    if (groups === undefined) throw nonsense(inner, text);
    const { space, ...kinds } = groups;
    const [kind, word = ""] = Object.entries(kinds).find(([, word]) => word !== undefined)!;
    tokens.push({ kind: kind as Token["kind"], text: word, isGlued: space === "" });
  }
  return tokens;
}

/** What is between braces and makes no sense. */
export function nonsense(inner: string, text: string): Error {
  return invalid(text, `"{{${inner}}}" is none of what can stand there`);
}
