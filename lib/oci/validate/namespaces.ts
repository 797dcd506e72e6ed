import { NAMESPACES, type NamespaceType } from "../namespaces.ts";
import type { Linux, Namespace, TimeOffset } from "../spec.ts";
import { integer } from "./integers.ts";
import type { Place } from "./place.ts";
import { keyOf, listOf, mapOf, object, required, type Rule, unlessEmpty } from "./schema.ts";
import { absolutePath } from "./texts.ts";

/** config-linux.md, "Namespaces". */
const namespace = object<Namespace>(() => ({
  type: required(keyOf(NAMESPACES)),
  path: unlessEmpty(absolutePath),
}));

const list = listOf(namespace);

export const namespaces: Rule<Namespace[]> = (value, place) => {
  const namespaces = list(value, place);
  namespaces.forEach(({ type }, i) => {
    const first = namespaces.findIndex((namespace) => namespace.type === type);
    if (first < i) place.refuse(`"${type}" is there as [${first}] already`, i, "type");
  });
  return namespaces;
};

/** The kernel's clocks reach no further, in seconds (KTIME_SEC_MAX). */
const MAX_SECONDS = 9_223_372_036;

const timeOffset = object<TimeOffset>(() => ({
  secs: integer(-MAX_SECONDS, MAX_SECONDS, "a number of seconds"),
  nanosecs: integer(0, 999_999_999, "a number of nanoseconds"),
}));

/** config-linux.md, "Offset for Time Namespace": the clocks that time_namespaces(7) has. */
export const timeOffsets: Rule<Record<string, TimeOffset>> = mapOf(timeOffset, (clock, place) => {
  if (clock !== "monotonic" && clock !== "boottime") {
    place.expected('the clock "monotonic" or "boottime"', clock);
  }
});

/** Refuses what asks for a namespace of its own where the container has none. */
export function checkNamespaceUse(linux: Linux, place: Place): void {
  const user = namespaceOf(linux, "user");
  for (const name of ["uidMappings", "gidMappings"] as const) {
    if (linux[name] === undefined) {
      if (user === undefined || user.path !== undefined) continue;
      place.refuse("required for a new user namespace but missing", name);
    }
    if (user === undefined) place.refuse('needs a "user" namespace', name);
    // Containerd and CRI-O write down the mappings that the joined namespace has anyway.
    if (user.path !== undefined) place.warn("ignored, the joined namespace has its own", name);
  }
  if (linux.timeOffsets !== undefined && Object.keys(linux.timeOffsets).length > 0) {
    const time = namespaceOf(linux, "time");
    if (time === undefined) place.refuse('needs a "time" namespace', "timeOffsets");
    if (time.path !== undefined) {
      place.refuse("cannot be set for a time namespace that is joined", "timeOffsets");
    }
  }
  for (const name of ["maskedPaths", "readonlyPaths"] as const) {
    if (linux[name] !== undefined && linux[name].length > 0) {
      requireNamespace(linux, "mount", name, place);
    }
  }
  if (linux.netDevices !== undefined && Object.keys(linux.netDevices).length > 0) {
    requireNamespace(linux, "network", "netDevices", place);
  }
}

/** The namespace of a type that the container has for itself or joins. */
export function namespaceOf(linux: Linux | undefined, type: NamespaceType): Namespace | undefined {
  return linux?.namespaces?.find((namespace) => namespace.type === type);
}

function requireNamespace(linux: Linux, type: NamespaceType, name: string, place: Place): void {
  if (namespaceOf(linux, type) === undefined) place.refuse(`needs a "${type}" namespace`, name);
}
