import type { NetDevice } from "../spec.ts";
import type { Place } from "./place.ts";
import { mapOf, object, type Rule, unlessEmpty } from "./schema.ts";
import { text } from "./texts.ts";

/** What the kernel takes for the name of a network device (dev_valid_name in net/core/dev.c). */
function isDeviceName(name: string): boolean {
  return name !== "." && name !== ".." && /^[^\s/:\0]+$/.test(name) &&
    new TextEncoder().encode(name).length <= 15;
}

function newName(value: unknown, place: Place): string {
  const name = text(value, place);
  // A template has one number for the kernel to choose.
  if (!isDeviceName(name) || !/^[^%]*(%d)?[^%]*$/.test(name)) {
    place.expected('the name of a network device of at most 15 bytes, maybe with one "%d"', value);
  }
  return name;
}

const netDevice = object<NetDevice>(() => ({ name: unlessEmpty(newName) }));

const map = mapOf(netDevice, (name, place) => {
  if (!isDeviceName(name)) {
    place.expected("the name of a network device of at most 15 bytes", name);
  }
});

/** config-linux.md, "Network Devices". */
export const netDevices: Rule<Record<string, NetDevice>> = (value, place) => {
  const devices = map(value, place);
  const taken = new Map<string, string>();
  for (const [host, { name = host }] of Object.entries(devices)) {
    const other = taken.get(name);
    if (other !== undefined && !name.includes("%d")) {
      place.refuse(`"${name}" is the name that "${other}" gets already`, host, "name");
    }
    taken.set(name, host);
  }
  return devices;
};
