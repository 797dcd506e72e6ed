import type { IntelRdt, Process, Resources, Root, Seccomp, Spec } from "../spec.ts";
import { isSupported, OCI_VERSION_MAX, OCI_VERSION_MIN, parseVersion } from "../version.ts";
import { hooks } from "./hooks.ts";
import { linux } from "./linux.ts";
import { takeMappingOptions } from "./mapping_option.ts";
import { mounts, refuseUnmappable } from "./mounts.ts";
import { namespaceOf } from "./namespaces.ts";
import { Place } from "./place.ts";
import { process } from "./process.ts";
import { intelRdt } from "./rdt.ts";
import { resources } from "./resources.ts";
import { seccomp } from "./seccomp.ts";
import { boolean, mapOf, object, required, unlessEmpty } from "./schema.ts";
import { anyText, nodeName, nonEmptyText } from "./texts.ts";

function ociVersion(value: unknown, place: Place): string {
  const version = typeof value === "string" ? parseVersion(value) : null;
  if (version === null) place.expected('a version such as "1.2.0"', value);
  if (!isSupported(version)) {
    place.expected(`a version from ${OCI_VERSION_MIN} to ${OCI_VERSION_MAX}`, value);
  }
  return value as string;
}

/** The whole file system of the host is no root of a container. */
function rootPath(value: unknown, place: Place): string {
  const path = nonEmptyText(value, place);
  if (path.startsWith("/") && path.split("/").every((part) => ["", ".", ".."].includes(part))) {
    place.expected('a folder other than "/"', value);
  }
  return path;
}

const root = object<Root>(() => ({
  path: required(rootPath),
  readonly: boolean,
}));

/** config.md: what a container is. */
const spec = object<Spec>(() => ({
  ociVersion: required(ociVersion),
  root: required(root),
  mounts,
  process,
  hostname: unlessEmpty(nodeName),
  domainname: unlessEmpty(nodeName),
  hooks,
  annotations: mapOf(anyText, (name, place) => {
    if (name === "") place.expected("a name that is not empty", name);
  }),
  linux,
}), (spec, place) => {
  for (const name of ["hostname", "domainname"] as const) {
    if (spec[name] !== undefined && namespaceOf(spec.linux, "uts") === undefined) {
      place.refuse('needs a "uts" namespace, or it would rename the host', name);
    }
  }
  const hasUserNamespace = namespaceOf(spec.linux, "user") !== undefined;
  takeMappingOptions(spec.mounts ?? [], spec.linux, place);
  refuseUnmappable(spec.mounts ?? [], hasUserNamespace, place);
});

/**
 * Checks a whole configuration, before anything is done with it: the type and range of every member
 * that the specification knows, and what members demand of each other. Members that are null or
 * say nothing are removed from the given objects, so that what is left can be used as it is. What
 * only this host can tell (whether a folder exists, a controller is there) is not checked here.
 *
 * @param what what errors call it.
 * @returns the same object, and sentences to warn of.
 * @throws {ContainerError} InvalidSpec, naming the first member that is wrong.
 */
export function validateSpec(
  value: unknown,
  what = "config.json",
): { spec: Spec; warnings: string[] } {
  const place = new Place(what);
  return { spec: spec(value, place), warnings: place.warnings };
}

/** As {@link validateSpec}, for the process of `exec --process`. */
export function validateProcess(
  value: unknown,
  what: string,
): { process: Process; warnings: string[] } {
  const place = new Place(what);
  return { process: process(value, place), warnings: place.warnings };
}

/** As {@link validateSpec}, for the resources of `update --resources`. */
export function validateResources(
  value: unknown,
  what: string,
): { resources: Resources; warnings: string[] } {
  const place = new Place(what);
  return { resources: resources(value, place), warnings: place.warnings };
}

/** As {@link validateSpec}, for the class of service of `update`. */
export function validateIntelRdt(value: unknown, what: string): IntelRdt {
  return intelRdt(value, new Place(what));
}

/** As {@link validateSpec}, for a seccomp profile by itself. */
export function validateSeccomp(value: unknown, what: string): Seccomp {
  return seccomp(value, new Place(what));
}
