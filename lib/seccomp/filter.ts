import type { Seccomp } from "../oci/spec.ts";
import type { CompiledSeccomp, Machine } from "./compile.ts";
import { DECIDING_CAPABILITIES, defaultProfile } from "./default_profile.ts";
import { PRECOMPILED, type Precompiled } from "./precompiled.ts";

/**
 * The filter for `linux.seccomp`: looked up for the default profile, whose compilation would cost every
 * start some milliseconds, else made by the compiler, which is loaded only then.
 *
 * @throws {ContainerError} InvalidSpec, as compileSeccomp.
 */
export async function seccompFilter(
  config: Seccomp,
  machine: Machine = Deno.build.arch,
): Promise<CompiledSeccomp> {
  const precompiled = precompiledFilter(config, machine);
  if (precompiled !== undefined) return precompiled;
  const { compileSeccomp } = await import("./compile.ts");
  return compileSeccomp(config, machine);
}

/** The filter of the default profile, where it has been compiled for these capabilities. */
export function defaultFilter(
  capabilities: readonly string[],
  machine: Machine = Deno.build.arch,
): CompiledSeccomp | undefined {
  const deciding = DECIDING_CAPABILITIES.filter((name) => capabilities.includes(name));
  const entry = PRECOMPILED.find((entry) =>
    entry.machine === machine && entry.capabilities.join() === deciding.join()
  );
  return entry && compiled(entry);
}

/** The filter for a configuration that is the default profile for usual capabilities. */
export function precompiledFilter(config: Seccomp, machine: Machine): CompiledSeccomp | undefined {
  const entry = PRECOMPILED.find((entry) =>
    entry.machine === machine && same(config, defaultProfile(entry.capabilities, machine))
  );
  return entry && compiled(entry);
}

function compiled({ program, flags }: Precompiled): CompiledSeccomp {
  return { program: Uint8Array.fromBase64(program), flags, notify: false, warnings: [] };
}

/** Whether two values of JSON are the same, whatever the order of members. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => same(a[key as keyof typeof a], b[key as keyof typeof b]));
}
