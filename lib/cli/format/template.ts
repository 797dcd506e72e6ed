import { UsageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { visible } from "../../quote.ts";

/** Turns a value into text by a template. */
export type Template = (value: unknown) => string;

/** A part of a template: text as it is, or what to take of the value. */
type Part = string | { readonly path: readonly string[]; readonly action: Action };

/** How a value becomes text. */
type Action = "text" | "json" | "upper" | "lower" | "len";

const ACTIONS: readonly Action[] = ["json", "upper", "lower", "len"];

/**
 * Reads a template in the notation of Go, as docker's commands take it: `{{.Name}}` stands for a
 * member, `{{.Config.Env}}` for one of a member, `{{.}}` for all, `{{json .Labels}}`, `{{upper .Name}}`,
 * `{{lower .Name}}` and `{{len .Layers}}` for what their names say; `{{.Labels "a.b"}}` for a member
 * whose name is no word. `\t` and `\n` outside of braces are a tab and a line end.
 *
 * @param isShown whether the text goes to a terminal, which values must not control
 * @throws {UsageError} now for what is no template, and when it is used for members that there are not
 */
export function parseTemplate(text: string, isShown: boolean): Template {
  const parts: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(/\{\{(.*?)\}\}/gs)) {
    parts.push(literal(text.slice(at, match.index)), expression(text, match[1]!.trim()));
    at = match.index + match[0].length;
  }
  const rest = text.slice(at);
  if (rest.includes("{{")) throw invalid(text, '"{{" is not closed by "}}"');
  parts.push(literal(rest));
  return (value) =>
    parts.map((part) => {
      if (typeof part === "string") return part;
      const found = say(member(text, value, part.path), part.action);
      return isShown ? visible(found) : found;
    }).join("");
}

/** The names of the members that a template shows, for a table's header. */
export function headerOf(text: string): string {
  return literal(text.replace(/\{\{(.*?)\}\}/gs, (_, inner: string) => {
    const last = inner.trim().split(/[\s.]+/).at(-1) ?? "";
    return last.replaceAll('"', "").replace(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
  }));
}

function literal(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function expression(text: string, inner: string): Part {
  const match = /^(?:([a-z]+)\s+)?(\.(?:\w+(?:\.\w+)*)?)(?:\s+("(?:[^"\\]|\\.)*"))?$/.exec(inner);
  if (match === null) throw invalid(text, `"{{${inner}}}" is none of what can stand there`);
  const [, action = "text", path = ".", key] = match;
  if (action !== "text" && !(ACTIONS as readonly string[]).includes(action)) {
    throw invalid(text, `there is no function "${action}"`);
  }
  const names = path.split(".").filter((name) => name !== "");
  return {
    path: key === undefined ? names : [...names, JSON.parse(key) as string],
    action: action as Action,
  };
}

function member(text: string, value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (at === null || at === undefined) return undefined;
    if (typeof at !== "object") throw invalid(text, `what has no members has no "${name}"`);
    const names = Object.keys(at);
    if (names.includes(name)) {
      at = (at as Record<string, unknown>)[name];
      continue;
    }
    // Labels have any names: one that is not there is empty.
    if (!/^[A-Z]\w*$/.test(name)) return undefined;
    const near = nearest(name, names);
    throw invalid(text, `there is no member "${name}"`, near);
  }
  return at;
}

function say(value: unknown, action: Action): string {
  switch (action) {
    case "json":
      return JSON.stringify(value ?? null);
    case "len":
      return String(lengthOf(value));
    case "upper":
      return plain(value).toUpperCase();
    case "lower":
      return plain(value).toLowerCase();
    case "text":
      return plain(value);
  }
}

function plain(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function invalid(text: string, fault: string, near?: string): UsageError {
  return new UsageError(`read the format "${text}": ${fault}`, {
    hint: near === undefined
      ? "Give table, json, or a template such as {{.Name}}"
      : `Did you mean {{.${near}}}?`,
  });
}
