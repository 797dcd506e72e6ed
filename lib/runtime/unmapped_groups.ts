import type { IDMapping, Mount, Spec } from "../oci/spec.ts";
import { warn } from "../trace.ts";

/**
 * Leaves out the `gid=` of a devpts mount whose group a new user namespace does not have: the kernel would
 * refuse the mount, and engines ask for `gid=5`, of the terminals, whatever is mapped. Warns of it.
 */
export function withoutUnmappedGroups(spec: Spec): Spec {
  const { gidMappings } = spec.linux ?? {};
  if (gidMappings === undefined || !spec.mounts?.some(({ type }) => type === "devpts")) return spec;
  return { ...spec, mounts: spec.mounts.map((mount) => mapped(mount, gidMappings)) };
}

function mapped(mount: Mount, mappings: readonly IDMapping[]): Mount {
  if (mount.type !== "devpts") return mount;
  const options = mount.options?.filter((option) => {
    const gid = /^gid=(\d+)$/.exec(option)?.[1];
    if (gid === undefined || hasId(Number(gid), mappings)) return true;
    warn(`mount devpts on "${mount.destination}" without "${option}": linux.gidMappings lacks it`);
    return false;
  });
  return options === undefined ? mount : { ...mount, options };
}

function hasId(id: number, mappings: readonly IDMapping[]): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}
