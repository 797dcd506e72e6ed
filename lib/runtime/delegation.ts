import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../../ffi/constants.ts";
import { fchownat } from "../../ffi/file.ts";
import { SysError } from "../errors.ts";
import { type CgroupLayout, detectCgroups } from "../cgroup/detect.ts";
import { parseMountOptions } from "../oci/mount_options.ts";
import type { Spec } from "../oci/spec.ts";
import { hostId } from "./id_mappings.ts";
import { MS_RDONLY } from "../../ffi/mount_flags.ts";
import { resolve } from "@std/path/posix/resolve";

/** Where the kernel lists what of a cgroup may be given away (cgroups(7), "Delegation"). */
const LIST = "/sys/kernel/cgroup/delegate";
const FALLBACK: readonly string[] = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * Gives the container's cgroup to its user, who may then make cgroups of his own below it (config-linux.md,
 * "Cgroup ownership"): on v2 alone, with a new cgroup namespace and a cgroup mount that can be written.
 *
 * @param folders the container's cgroup, which is one folder where there is v2 alone, or none.
 */
export function delegateCgroup([folder]: readonly string[], spec: Spec): void {
  if (folder === undefined) return;
  const owner = delegate(spec, detectCgroups());
  if (owner === undefined) return;
  chown(folder, owner);
  for (const file of delegatable()) chown(`${folder}/${file}`, owner);
}

/** The host's id of who gets the cgroup; undefined when nobody does. */
export function delegate(spec: Spec, layout: CgroupLayout): number | undefined {
  const { linux = {}, process, mounts = [] } = spec;
  const isNew = linux.namespaces?.some(({ type, path }) => type === "cgroup" && path === undefined);
  const writable = mounts.some(({ type, destination, options }) =>
    type === "cgroup" && resolve("/", destination) === "/sys/fs/cgroup" &&
    (parseMountOptions(options).flags & MS_RDONLY) === 0
  );
  if (layout.kind !== "v2" || !isNew || !writable) return undefined;
  const { uid } = process?.user ?? { uid: 0 };
  return linux.uidMappings === undefined ? uid : hostId(uid, linux.uidMappings);
}

function delegatable(): readonly string[] {
  try {
    return Deno.readTextFileSync(LIST).split("\n").filter((name) => /^[\w.]+$/.test(name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return FALLBACK;
    throw error;
  }
}

function chown(path: string, owner: number): void {
  try {
    fchownat(AT_FDCWD, path, owner, -1, AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    // Which of them there are depends on the controllers.
    if (!(error instanceof SysError && error.code === "ENOENT")) throw error;
  }
}
