import { ContainerError } from "../errors.ts";
import type { Seccomp } from "../oci/spec.ts";
import { type ContainerFilter, containerFilter } from "../runtime/seccomp.ts";
import { defaultProfile } from "../seccomp/default_profile.ts";
import { defaultFilter } from "../seccomp/filter.ts";
import type { SecurityOptions } from "./options.ts";

/** What a container's system calls are filtered by: as the config says it, and as the kernel takes it. */
export interface SeccompChoice {
  readonly config: Seccomp;
  readonly filter: ContainerFilter;
}

/**
 * The seccomp policy of a container: docker's, the one of a file, or none. A privileged container has none
 * unless a file is given.
 *
 * @param capabilities the container's, on which the policy may depend.
 * @throws {ContainerError} for a file that is no policy.
 */
export async function chooseSeccomp(
  { seccomp, privileged }: SecurityOptions,
  capabilities: readonly string[],
): Promise<SeccompChoice | undefined> {
  if (seccomp === "unconfined" || (seccomp === "default" && privileged)) return undefined;
  const config = seccomp === "default"
    ? defaultProfile(capabilities)
    : await fromFile(seccomp.file, capabilities);
  const ready = seccomp === "default" ? defaultFilter(capabilities) : undefined;
  const filter = ready ?? await containerFilter(config);
  return filter && { config, filter };
}

async function fromFile(file: string, capabilities: readonly string[]): Promise<Seccomp> {
  const { loadSeccomp } = await import("../oci/load.ts");
  const { resolveProfile } = await import("../seccomp/docker_profile.ts");
  const machine = Deno.build.arch as "x86_64" | "aarch64";
  const circumstances = { capabilities, machine, kernel: Deno.osRelease() };
  try {
    return loadSeccomp(file, (profile) => resolveProfile(profile, circumstances, file));
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(`use the seccomp profile: ${error.message}`, {
      code: error.code,
      hint: error.hint ?? "Give a profile in JSON, as docker takes it, or seccomp=unconfined",
      cause: error,
    });
  }
}
