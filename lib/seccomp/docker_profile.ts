import { ContainerError } from "../errors.ts";
import type { Machine } from "./compile.ts";
import { isSince } from "./kernel_release.ts";

/** For what a profile is resolved. */
export interface Circumstances {
  /** The bounding set, names as `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  readonly machine: Machine;
  /** The kernel's release, as uname(2) has it. */
  readonly kernel: string;
}

/** The machine's names in profiles: as Go has it, and as the configuration has it. */
const MACHINES = {
  x86_64: { go: "amd64", scmp: "SCMP_ARCH_X86_64" },
  aarch64: { go: "arm64", scmp: "SCMP_ARCH_AARCH64" },
} as const;

type Members = Readonly<Record<string, unknown>>;

/**
 * Resolves a profile in the form that docker and podman read from files: `linux.seccomp` of config.json,
 * and besides `archMap`, which has the architectures of each machine, and in a rule `includes` and
 * `excludes`, which make it depend on `caps`, `arches` and `minKernel`. One that has none of these comes
 * out as it is.
 *
 * @param what what errors call the profile.
 * @returns what becomes `linux.seccomp`, to be validated like any.
 * @throws {ContainerError} InvalidArgument, naming the field.
 */
export function resolveProfile(
  profile: unknown,
  circumstances: Circumstances,
  what: string,
): Record<string, unknown> {
  const { archMap, syscalls, defaultErrno: _name, ...rest } = object(profile, what);
  const resolved: Record<string, unknown> = rest;
  if (syscalls) {
    resolved.syscalls = array(syscalls, `${what}: syscalls`).flatMap((rule, i) =>
      resolveRule(rule, circumstances, `${what}: syscalls[${i}]`)
    );
  }
  if (!archMap) return resolved;
  if (rest.architectures) refuse(`${what}: archMap`, "cannot stand beside architectures");
  resolved.architectures = architecturesOf(archMap, circumstances.machine, `${what}: archMap`);
  return resolved;
}

/** The architectures of a machine, the native one first. */
function architecturesOf(archMap: unknown, machine: Machine, field: string): unknown[] {
  const native = MACHINES[machine].scmp;
  const entry = array(archMap, field).map((entry, i) => object(entry, `${field}[${i}]`))
    .find(({ architecture }) => architecture === native);
  return [native, ...array(entry?.subArchitectures ?? [], `${field}: subArchitectures`)];
}

/** A rule without what it depends on; nothing when that is not given. */
function resolveRule(value: unknown, circumstances: Circumstances, field: string): Members[] {
  const { includes, excludes, comment: _text, errno: _name, name, ...rule } = object(value, field);
  if (name && rule.names) refuse(`${field}.name`, "cannot stand beside names");
  const included = given(includes, circumstances, `${field}.includes`);
  const excluded = given(excludes, circumstances, `${field}.excludes`);
  if (included.includes(false) || excluded.includes(true)) return [];
  return [name ? { ...rule, names: [name] } : rule];
}

/** Whether each of the conditions under `includes` or `excludes` is given. */
function given(value: unknown, circumstances: Circumstances, field: string): boolean[] {
  const { caps, arches, minKernel } = object(value ?? {}, field);
  const { capabilities, machine, kernel } = circumstances;
  const given = array(caps ?? [], `${field}.caps`)
    .map((name) => capabilities.some((capability) => capability === name));
  const machines = array(arches ?? [], `${field}.arches`);
  if (machines.length > 0) given.push(machines.includes(MACHINES[machine].go));
  if (minKernel) {
    if (typeof minKernel !== "string" || !/^\d+\.\d+$/.test(minKernel)) {
      refuse(`${field}.minKernel`, 'expected a version such as "4.8"');
    }
    given.push(isSince(kernel, minKernel));
  }
  return given;
}

/** The members of an object; null stands for none. */
function object(value: unknown, field: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse(field, "expected an object");
  }
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

function array(value: unknown, field: string): unknown[] {
  return Array.isArray(value) ? value : refuse(field, "expected an array");
}

function refuse(field: string, sentence: string): never {
  throw new ContainerError(`${field}: ${sentence}`, { code: "InvalidArgument" });
}
