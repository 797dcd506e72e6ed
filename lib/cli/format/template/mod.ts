import { parse } from "./parse.ts";
import { literal } from "./pieces.ts";
import { Bytes } from "./scope.ts";

/** Other names for what a value has, by which templates may ask for it; one of its own is taken in that one's stead. */
export type OtherNames<Value extends object> = Readonly<Record<string, (value: Value) => unknown>>;

/** A size in bytes as docker's templates show it, with its unit; as a number where one is asked for. */
export function readable(bytes: number | null): Bytes | null {
  return bytes === null ? null : new Bytes(bytes);
}

/**
 * Reads a template in the notation of Go, as docker's commands take it:
 *
 * - `{{.Name}}` is a member, `{{.Config.Env}}` one of a member, `{{.}}` all; `{{.Labels "a.b"}}` and
 *   `{{index .Labels "a.b"}}` are one whose name is no word;
 * - `{{json .Labels}}` or `{{.Labels | json}}` is what a function makes of it;
 * - `{{if .User}}…{{else}}…{{end}}`, `{{range .Env}}{{println .}}{{end}}`, `{{with .Config}}…{{end}}`,
 *   `{{range $name, $value := .Labels}}…{{end}}`;
 * - `{{$name := .Name}}` keeps a value under a name up to the end of what it stands in, also in `{{with $name := …}}`
 *   and `{{if $name := …}}`; `{{$name = …}}` changes it;
 * - `{{- ` and ` -}}` take away the white space beside them; `\t` and `\n` outside of braces are a tab
 *   and a line end.
 *
 * @param isShown whether the text goes to a terminal, which values must not control
 * @throws {UsageError} now for what is no template, and when it is used for members that there are not
 */
export function parseTemplate<Value extends object>(
  text: string,
  isShown: boolean,
  otherNames: OtherNames<Value> = {},
): (value: Value) => string {
  const template = parse(text);
  return (value) => {
    const names = Object.fromEntries(
      Object.entries(otherNames).map(([name, give]) => [name, () => give(value)]),
    );
    return template({ dot: value, names, isShown, text, variables: new Map([["", { value }]]) });
  };
}

/** The names of the members that a template shows, for a table's header. */
export function headerOf(text: string): string {
  return literal(text.replace(/\{\{(.*?)\}\}/gs, (_, inner: string) => {
    if (/^-?\s*(?:(?:if|else|end|range|with)\b|\$\w+\s*:?=)/.test(inner)) return "";
    const last = inner.match(/\.\w+|"[^"]*"/g)?.at(-1) ?? "";
    const name = last.split(".").at(-1)!.replaceAll('"', "");
    return name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
  }));
}
