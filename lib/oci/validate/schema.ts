import type { Place } from "./place.ts";

/**
 * Checks one value and returns it, as it is or in the form in which it is used. Undefined means that
 * the value says as much as none at all: an object then drops the member.
 *
 * @throws {ContainerError} InvalidSpec, by way of the place.
 */
export type Rule<T> = (value: unknown, place: Place) => T;

/** A member that has to be there. */
export interface Required<T> {
  readonly required: Rule<T>;
  /** What null says; without it, as much as nothing. */
  readonly ofNull?: () => T;
}

/**
 * The table of an object: one row for each member of the type, in the spec's words. A member that the
 * type requires needs {@link required}; the compiler sees to both.
 */
export type Fields<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? Rule<T[K] | undefined> : Required<T[K]>;
};

/** Makes a member one that has to be there. */
export function required<T>(rule: Rule<T>): Required<T> {
  return { required: rule };
}

/** A list that has to be there; null is an empty one, as Go writes a list that nothing was put into. */
export function requiredList<T>(rule: Rule<T | undefined>): Required<T[]> {
  return { required: listOf(rule), ofNull: () => [] };
}

/**
 * An object with these members, of which null ones are dropped, as if they were not there. Other
 * members are nobody's business (config.md, "Extensibility").
 *
 * @param fields makes the table; called when the first such object is met, as most configurations have
 * few of them all.
 * @param relations checks what the members say together, once each is right by itself.
 */
export function object<T extends object>(
  fields: () => Fields<T>,
  relations?: (value: T, place: Place) => void,
): Rule<T> {
  let table: Readonly<Record<string, Rule<unknown> | Required<unknown>>> | undefined;
  let names: readonly string[] = [];
  return (value, place) => {
    const members = asObject(value, place);
    if (table === undefined) {
      table = fields() as Readonly<Record<string, Rule<unknown> | Required<unknown>>>;
      names = Object.keys(table);
    }
    for (const name of names) {
      const row = table[name]!;
      const member = members[name];
      if (member !== undefined && member !== null) {
        checkMember(members, name, typeof row === "function" ? row : row.required, place);
        continue;
      }
      if (typeof row !== "function") {
        const value = member === null ? row.ofNull?.() : undefined;
        if (value === undefined) place.refuse("required but missing", name);
        members[name] = value;
        continue;
      }
      if (member === null) delete members[name];
    }
    // What was checked row by row is a T now.
    relations?.(members as T, place);
    return members as T;
  };
}

/** An object whose names are free and whose values are all alike; `key` may refuse names. */
export function mapOf<T>(
  rule: Rule<T | undefined>,
  key?: (name: string, place: Place) => void,
): Rule<Record<string, T>> {
  return (value, place) => {
    const members = asObject(value, place);
    for (const name of Object.keys(members)) {
      if (members[name] === null) {
        delete members[name];
        continue;
      }
      key?.(name, place);
      checkMember(members, name, rule, place);
    }
    return members as Record<string, T>;
  };
}

/** An array of values that are all alike; those that say nothing are dropped. */
export function listOf<T>(rule: Rule<T | undefined>): Rule<T[]> {
  return (value: unknown, place: Place) => {
    if (!Array.isArray(value)) place.expected("an array", value);
    const items: unknown[] = value;
    let kept = 0;
    for (let i = 0; i < items.length; i++) {
      place.enter(i);
      const item = rule(items[i], place);
      place.leave();
      if (item === undefined) continue;
      if (item !== items[kept]) items[kept] = item;
      kept++;
    }
    if (kept < items.length) items.length = kept;
    return items as T[];
  };
}

/** As {@link listOf}, with at least one value. */
export function nonEmptyListOf<T>(rule: Rule<T | undefined>, expected: string): Rule<T[]> {
  const list = listOf(rule);
  return (value, place) => {
    const items = list(value, place);
    if (items.length === 0) place.expected(expected, items);
    return items;
  };
}

/** True or false. */
export function boolean(value: unknown, place: Place): boolean {
  if (typeof value !== "boolean") place.expected("true or false", value);
  return value;
}

/** One of the given names. */
export function oneOf<N extends string>(names: readonly N[]): Rule<N> {
  return (value, place) => {
    if (typeof value !== "string" || !(names as readonly string[]).includes(value)) {
      const known = names.map((name) => JSON.stringify(name));
      place.expected(known.length === 1 ? known[0]! : `one of ${known.join(", ")}`, value);
    }
    return value as N;
  };
}

/** One of the names of a table. */
export function keyOf<T extends object>(table: T): Rule<Extract<keyof T, string>> {
  return oneOf(Object.keys(table) as Extract<keyof T, string>[]);
}

/** Another rule, for a value that says nothing when it is an empty text. */
export function unlessEmpty<T>(rule: Rule<T>): Rule<T | undefined> {
  return (value, place) => value === "" ? undefined : rule(value, place);
}

function checkMember(
  members: Record<string, unknown>,
  name: string,
  rule: Rule<unknown>,
  place: Place,
): void {
  place.enter(name);
  const member = members[name];
  const result = rule(member, place);
  if (result === undefined) delete members[name];
  else if (result !== member) members[name] = result;
  place.leave();
}

function asObject(value: unknown, place: Place): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    place.expected("an object", value);
  }
  return value as Record<string, unknown>;
}
