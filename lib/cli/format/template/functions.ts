import { visible } from "../../../quote.ts";
import { printf, WIDTH_LIMIT } from "./printf.ts";
import { bare, plain, say, type Scope, Text } from "./scope.ts";

/** A function of templates. */
export interface TemplateFunction {
  /** How many arguments it takes. */
  readonly least: number;
  readonly most: number;
  call(args: readonly unknown[], scope: Scope): unknown;
}

/** The functions of docker's templates, and of Go's. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: exactly(1, ([value], { isShown }) => {
    const text = JSON.stringify(bare(value) ?? null);
    return new Text(isShown ? visible(text) : text);
  }),
  upper: exactly(1, ([value]) => changed(value, (text) => text.toUpperCase())),
  lower: exactly(1, ([value]) => changed(value, (text) => text.toLowerCase())),
  title: exactly(1, ([value]) => {
    return changed(value, (text) => text.replace(/(?<!\w)\w/g, (one) => one.toUpperCase()));
  }),
  truncate: exactly(2, ([value, length]) => {
    return changed(value, (text) => text.slice(0, Math.max(Number(bare(length)), 0)));
  }),
  pad: exactly(3, ([value, before, after]) => {
    return changed(value, (text) => text && `${spaces(before)}${text}${spaces(after)}`);
  }),
  slice: { least: 1, most: 3, call: ([value, from, to]) => sliceOf(value, from, to) },
  html: exactly(1, ([value]) => changed(value, (text) => text.replace(/[&<>"']/g, entityOf))),
  urlquery: exactly(1, ([value]) => changed(value, queryOf)),
  split: exactly(2, ([value, by]) => plain(value).split(plain(by))),
  join: exactly(2, ([list, by], scope) => {
    return new Text(itemsOf(list).map((item) => say(item, scope)).join(say(by, scope)));
  }),
  print: atLeast(0, (args, scope) => {
    return new Text(args.map((value) => say(value, scope)).join(""));
  }),
  println: atLeast(0, (args, scope) => {
    return new Text(`${args.map((value) => say(value, scope)).join(" ")}\n`);
  }),
  printf: atLeast(1, ([format, ...values], scope) => {
    return new Text(printf(say(format, scope), values, scope));
  }),
  len: exactly(1, ([value]) => lengthOf(bare(value))),
  index: atLeast(1, ([value, ...keys]) => lookUp(value, keys)),
  eq: atLeast(2, ([first, ...others]) => others.some((other) => bare(other) === bare(first))),
  ne: exactly(2, ([a, b]) => bare(a) !== bare(b)),
  lt: exactly(2, ([a, b]) => compare(a, b) < 0),
  le: exactly(2, ([a, b]) => compare(a, b) <= 0),
  gt: exactly(2, ([a, b]) => compare(a, b) > 0),
  ge: exactly(2, ([a, b]) => compare(a, b) >= 0),
  not: exactly(1, ([value]) => !isTrue(value)),
  and: atLeast(1, (args) => args.find((value) => !isTrue(value)) ?? args.at(-1)),
  or: atLeast(1, (args) => args.find(isTrue) ?? args.at(-1)),
};

/** What a change makes of a text; one of the template's own stays so. */
function changed(value: unknown, change: (text: string) => string): string | Text {
  const text = change(plain(value));
  return value instanceof Text ? new Text(text) : text;
}

function spaces(count: unknown): string {
  return " ".repeat(Math.min(Math.max(Number(bare(count)) || 0, 0), WIDTH_LIMIT));
}

/** A part of a text or list; what lies beyond its end is left out. */
function sliceOf(value: unknown, from: unknown, to: unknown): unknown {
  const [begin, end] = [from ?? 0, to ?? Infinity].map((at) => Math.max(Number(bare(at)) || 0, 0));
  const found = bare(value);
  return Array.isArray(found)
    ? found.slice(begin, end)
    : changed(value, (text) => text.slice(begin, end));
}

/** A character as HTML has it, by its number as Go's template package gives it. */
function entityOf(character: string): string {
  const named: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  return named[character] ?? `&#${character.charCodeAt(0)};`;
}

/** A text as a part of an URL's query (Go, url.QueryEscape). */
function queryOf(text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed()).replaceAll("%20", "+");
  return escaped.replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function exactly(count: number, call: TemplateFunction["call"]): TemplateFunction {
  return { least: count, most: count, call };
}

function atLeast(count: number, call: TemplateFunction["call"]): TemplateFunction {
  return { least: count, most: Infinity, call };
}

/** Whether a value counts as true: all but nothing, zero and what is empty. */
export function isTrue(value: unknown): boolean {
  const found = bare(value);
  return typeof found === "object" && found !== null ? lengthOf(found) > 0 : Boolean(found);
}

/** What `range` goes over: keys and values, those of an object in the order of their names. */
export function entriesOf(value: unknown): (readonly [key: unknown, value: unknown])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item] as const);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
}

/** The member by these keys, one in the other; undefined where there is none. */
export function lookUp(value: unknown, keys: readonly unknown[]): unknown {
  return keys.reduce((at, key) => {
    const name = String(bare(key));
    const isThere = typeof at === "object" && at !== null && Object.hasOwn(at, name);
    return isThere ? (at as Record<string, unknown>)[name] : undefined;
  }, value);
}

function itemsOf(value: unknown): unknown[] {
  return entriesOf(value).map(([, item]) => item);
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function compare(one: unknown, other: unknown): number {
  const [a, b] = [bare(one), bare(other)];
  const isNumber = typeof a === "number" && typeof b === "number";
  if (isNumber) return a - b;
  const [text, than] = [plain(a), plain(b)];
  return text < than ? -1 : text > than ? 1 : 0;
}
