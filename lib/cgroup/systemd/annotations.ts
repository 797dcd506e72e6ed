import { ContainerError } from "../../errors.ts";
import { SYSTEMD_PROPERTY } from "../../oci/annotations.ts";
import { warn } from "../../trace.ts";
import type { PropertyValue, UnitProperty } from "./properties.ts";

/**
 * The properties that engines give by annotations, with their types: how a scope is ended, above all. Annotations may
 * come from images, so none that would start or stop other units is among them.
 */
const TYPES: Readonly<Record<string, Exclude<PropertyValue["type"], "au">>> = {
  After: "as",
  Before: "as",
  CollectMode: "s",
  DefaultDependencies: "b",
  Description: "s",
  KillSignal: "i",
  RuntimeMaxUSec: "t",
  SendSIGHUP: "b",
  SendSIGKILL: "b",
  TimeoutStopUSec: "t",
};

/**
 * The properties of the scope that annotations `org.systemd.property.NAME` ask for, as with other runtimes: a value is
 * the text of a GVariant. `NAMESec` is `NAMEUSec` in seconds. Of properties that are not taken a warning tells.
 *
 * @throws {ContainerError} InvalidSpec for what is no value of the property's type.
 */
export function annotatedProperties(
  annotations: Readonly<Record<string, string>> = {},
): UnitProperty[] {
  return Object.entries(annotations).flatMap(([key, text]): UnitProperty[] => {
    if (!key.startsWith(SYSTEMD_PROPERTY)) return [];
    const given = key.slice(SYSTEMD_PROPERTY.length);
    const inSeconds = /[^U]Sec$/.test(given);
    const name = inSeconds ? given.replace(/Sec$/, "USec") : given;
    const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
    if (type === undefined) {
      warn(`the annotation ${JSON.stringify(key)} is left out: it is none of ${NAMES}`);
      return [];
    }
    const parsed = parse(type, text.trim());
    if (parsed === undefined) {
      throw new ContainerError(
        `use the annotation ${JSON.stringify(key)}: ${JSON.stringify(text)} is ${MEANING[type]}`,
        { code: "InvalidSpec" },
      );
    }
    return inSeconds && parsed.type === "t"
      ? [{ name, type: "t", value: parsed.value * 1_000_000n }]
      : [{ name, ...parsed }];
  });
}

const NAMES = Object.keys(TYPES).join(", ");

const MEANING = {
  b: "neither true nor false",
  i: 'no number such as "37"',
  t: 'no number such as "uint64 37"',
  s: "no text in quotation marks",
  as: "no list such as \"['a.service', 'b.service']\"",
} as const;

function parse(type: keyof typeof MEANING, text: string): PropertyValue | undefined {
  switch (type) {
    case "b":
      return /^(true|false)$/.test(text) ? { type, value: text === "true" } : undefined;
    case "i": {
      const [, digits] = /^(?:int32 )?(\d{1,9})$/.exec(text) ?? [];
      return digits === undefined ? undefined : { type, value: Number(digits) };
    }
    case "t": {
      const [, digits] = /^(?:u?int(?:32|64) )?(\d{1,19})$/.exec(text) ?? [];
      return digits === undefined ? undefined : { type, value: BigInt(digits) };
    }
    case "s": {
      const value = unquoted(text);
      return value === undefined ? undefined : { type, value };
    }
    case "as": {
      const [, list] = /^\[(.*)\]$/.exec(text) ?? [];
      const value = list?.split(",").map((word) => unquoted(word.trim())) ?? [undefined];
      return value.every((word) => word !== undefined) ? { type, value } : undefined;
    }
  }
}

function unquoted(text: string): string | undefined {
  return /^'([^'\\\0]*)'$|^"([^"\\\0]*)"$/.exec(text)?.slice(1).find((part) => part !== undefined);
}
