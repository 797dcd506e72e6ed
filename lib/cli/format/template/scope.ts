import { nearest } from "../../../nearest.ts";
import { visible } from "../../../quote.ts";
import { formatSize } from "../../../size.ts";
import { invalid } from "./invalid.ts";

/** What `$name` is, which the template may change. */
export interface Variable {
  value: unknown;
}

/** Where a part of a template stands. */
export interface Scope {
  /** What `.` is. */
  readonly dot: unknown;
  /** What `$` is, by the name "", and what `$name` is. */
  readonly variables: Map<string, Variable>;
  /** Members that `$` has besides its own, or in their stead. */
  readonly names: Readonly<Record<string, () => unknown>>;
  /** Whether the text goes to a terminal. */
  readonly isShown: boolean;
  /** The whole template, for errors. */
  readonly text: string;
}

/** A text that is the template's own, or was made fit to be shown. */
export class Text {
  constructor(readonly value: string) {}
}

/** A number of bytes that is read by people: as text it has a unit, to compare and to reckon with it has none. */
export class Bytes {
  constructor(readonly count: number) {}
}

/** A value without {@link Text} or {@link Bytes} around it. */
export function bare(value: unknown): unknown {
  if (value instanceof Bytes) return value.count;
  return value instanceof Text ? value.value : value;
}

/** A value as text, fit to be shown. */
export function say(value: unknown, { isShown }: Scope): string {
  const text = plain(value);
  return isShown && !(value instanceof Text) ? visible(text) : text;
}

/** A value as text, as it is. */
export function plain(value: unknown): string {
  if (value instanceof Bytes) return formatSize(value.count);
  const found = bare(value);
  if (found === undefined || found === null) return "";
  return typeof found === "object" ? JSON.stringify(found) : String(found);
}

/**
 * What a path of members leads to.
 *
 * @throws {UsageError} when there is no such member
 */
export function member(value: unknown, path: readonly string[], scope: Scope): unknown {
  let at = value;
  for (const name of path) {
    if (at === null || at === undefined) return undefined;
    if (typeof at !== "object") {
      throw invalid(scope.text, `what has no members has no "${name}"`);
    }
    const isRoot = at === scope.variables.get("")?.value;
    if (isRoot && Object.hasOwn(scope.names, name)) {
      at = scope.names[name]!();
    } else if (Object.hasOwn(at, name)) {
      at = (at as Record<string, unknown>)[name];
    } else if (/^[A-Z]\w*$/.test(name)) {
      const names = [...Object.keys(at), ...isRoot ? Object.keys(scope.names) : []];
      throw invalid(scope.text, `there is no member "${name}"`, nearest(name, names));
    } else {
      // Labels have any names: one that is not there is empty.
      return undefined;
    }
  }
  return at;
}
