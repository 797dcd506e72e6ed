import { PERSONALITY_DOMAINS } from "../personality.ts";
import { ROOTFS_PROPAGATION } from "../propagation.ts";
import type { Linux, Personality } from "../spec.ts";
import { isPlainSysctlPath, sysctlNamespace, sysctlPath } from "../sysctl.ts";
import { devices } from "./devices.ts";
import { idMappings } from "./id_mappings.ts";
import { memoryPolicy } from "./memory_policy.ts";
import { checkNamespaceUse, namespaceOf, namespaces, timeOffsets } from "./namespaces.ts";
import { netDevices } from "./net_devices.ts";
import type { Place } from "./place.ts";
import { intelRdt } from "./rdt.ts";
import { resources } from "./resources.ts";
import { keyOf, listOf, mapOf, object, required, unlessEmpty } from "./schema.ts";
import { seccomp } from "./seccomp.ts";
import { absolutePath, line, text } from "./texts.ts";

/** No way out of the parent: `..` could name cgroups that are not the container's. */
function cgroupsPath(value: unknown, place: Place): string {
  if (line(value, place).split("/").includes("..")) {
    place.expected('a path without ".."', value);
  }
  return value as string;
}

/** It is put in quotes among the options of a mount. */
function mountLabel(value: unknown, place: Place): string {
  if (line(value, place).includes('"')) place.expected("a label without quotes", value);
  return value as string;
}

const personality = object<Personality>(() => ({
  domain: required(keyOf(PERSONALITY_DOMAINS)),
  flags: listOf((value, place) => place.expected("no flags, as there are none yet", value)),
}));

/** config-linux.md. */
export const linux = object<Linux>(() => ({
  devices,
  uidMappings: idMappings,
  gidMappings: idMappings,
  sysctl: mapOf(text),
  cgroupsPath: unlessEmpty(cgroupsPath),
  resources,
  rootfsPropagation: unlessEmpty(keyOf(ROOTFS_PROPAGATION)),
  seccomp,
  namespaces,
  timeOffsets,
  netDevices,
  maskedPaths: listOf(absolutePath),
  readonlyPaths: listOf(absolutePath),
  mountLabel: unlessEmpty(mountLabel),
  intelRdt,
  memoryPolicy,
  personality,
}), (linux, place) => {
  checkNamespaceUse(linux, place);
  checkSysctl(linux, place);
});

/** Only what a namespace of the container has for itself: the rest would change the host. */
function checkSysctl(linux: Linux, place: Place): void {
  for (const name of Object.keys(linux.sysctl ?? {})) {
    const path = sysctlPath(name);
    const type = isPlainSysctlPath(path) ? sysctlNamespace(path) : null;
    if (type === null) {
      place.refuse("no parameter that a container has for itself", "sysctl", name);
    }
    if (path === "kernel/hostname") place.refuse("set hostname instead", "sysctl", name);
    if (namespaceOf(linux, type) === undefined) {
      place.refuse(`needs a "${type}" namespace, or it would change the host's`, "sysctl", name);
    }
  }
}
