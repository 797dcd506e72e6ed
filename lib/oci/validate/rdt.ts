import type { IntelRdt } from "../spec.ts";
import type { Place } from "./place.ts";
import { boolean, listOf, object, unlessEmpty } from "./schema.ts";
import { line, text } from "./texts.ts";

/** The class of service is a folder of resctrl; "/" is its root. */
function closID(value: unknown, place: Place): string {
  const name = text(value, place);
  const isFolderName = name !== "." && name !== ".." && !/[/\n]/.test(name);
  if (name !== "/" && !isFolderName) place.expected('a name without "/", or "/" itself', value);
  return name;
}

function memBwSchema(value: unknown, place: Place): string {
  if (!line(value, place).startsWith("MB:")) place.expected('a line that begins with "MB:"', value);
  return value as string;
}

/** config-linux.md, "IntelRdt". */
export const intelRdt = object<IntelRdt>(() => ({
  closID: unlessEmpty(closID),
  schemata: listOf(line),
  l3CacheSchema: unlessEmpty(line),
  memBwSchema: unlessEmpty(memBwSchema),
  enableMonitoring: boolean,
}), ({ l3CacheSchema }, place) => {
  if (l3CacheSchema !== undefined && !l3CacheSchema.startsWith("L3:")) {
    place.warn('does not begin with "L3:"', "l3CacheSchema");
  }
});
