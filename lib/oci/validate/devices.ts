import type { Device } from "../spec.ts";
import { id, integer, major, minor } from "./integers.ts";
import { listOf, object, oneOf, required, type Rule } from "./schema.ts";
import { absolutePath } from "./texts.ts";

const permissions = integer(0, 0o177777, "a file mode (a decimal number)");

/** config-linux.md, "Devices". */
const device = object<Device>(() => ({
  type: required(oneOf(["c", "u", "b", "p"])),
  path: required(absolutePath),
  major,
  minor,
  // Docker writes st_mode, with the bits of the type: what the node is says `type`.
  fileMode: (value, place) => permissions(value, place) & 0o7777,
  uid: id,
  gid: id,
}), (device, place) => {
  if (device.type === "p") return;
  for (const name of ["major", "minor"] as const) {
    if (device[name] === undefined) {
      place.refuse(`required for type "${device.type}" but missing`, name);
    }
  }
});

const list = listOf(device);

/** One path cannot be two devices; one device at two paths is what the spec advises against. */
export const devices: Rule<Device[]> = (value, place) => {
  const devices = list(value, place);
  const byPath = new Map<string, number>();
  const byIdentity = new Map<string, number>();
  devices.forEach((device, i) => {
    const same = byIdentity.get(identity(device)) ?? i;
    const here = byPath.get(device.path) ?? i;
    if (identity(devices[here]!) !== identity(device)) {
      place.refuse(`is another device by [${here}] already`, i, "path");
    }
    if (devices[same]!.path !== device.path && device.type !== "p") {
      place.warn(`the same device as [${same}], ${JSON.stringify(devices[same]!.path)}`, i);
    }
    byPath.set(device.path, here);
    byIdentity.set(identity(device), same);
  });
  return devices;
};

function identity({ type, major, minor }: Device): string {
  if (type === "p") return type;
  return `${type === "u" ? "c" : type} ${major}:${minor}`;
}
