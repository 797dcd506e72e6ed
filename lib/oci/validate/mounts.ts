import { MS_REMOUNT } from "../../../ffi/mount_flags.ts";
import { isBind, parseMountOptions } from "../mount_options.ts";
import type { Mount } from "../spec.ts";
import { idMappings } from "./id_mappings.ts";
import type { Place } from "./place.ts";
import { listOf, object, required, unlessEmpty } from "./schema.ts";
import { nonEmptyText, text } from "./texts.ts";

/** config.md, "Mounts". */
const mount = object<Mount>(() => ({
  destination: required(nonEmptyText),
  source: unlessEmpty(text),
  type: unlessEmpty(text),
  options: listOf(text),
  uidMappings: idMappings,
  gidMappings: idMappings,
}), relations);

export const mounts = listOf(mount);

function relations(mount: Mount, place: Place): void {
  const options = parseMountOptions(mount.options);
  const isRemount = (options.flags & MS_REMOUNT) !== 0;
  if (!mount.destination.startsWith("/")) {
    place.warn('relative to "/", which is deprecated: write an absolute path', "destination");
  }
  if (isBind(options)) {
    if (mount.source === undefined && !isRemount) {
      place.refuse("required for a bind mount but missing", "source");
    }
    // The kernel ignores them, so that what they ask for would silently not be so.
    for (const option of options.data) {
      const index = mount.options!.findIndex((joined) => joined.includes(option));
      place.warn("ignored, a bind mount has no options of its file system", "options", index);
    }
  } else if (mount.type === "bind") {
    place.refuse('type "bind" needs "bind" or "rbind" among the options', "options");
  } else if (mount.type === undefined && !isRemount) {
    place.refuse("required but missing, except for a bind mount", "type");
  }
  if (options.tmpcopyup && mount.type !== "tmpfs") {
    place.refuse('"tmpcopyup" is for type "tmpfs" only', "options");
  }
  if ((mount.uidMappings === undefined) !== (mount.gidMappings === undefined)) {
    const [given, missing] = mount.gidMappings === undefined
      ? ["uidMappings", "gidMappings"]
      : ["gidMappings", "uidMappings"];
    place.refuse(`required together with ${given} but missing`, missing);
  }
}

/** Refuses a mount that is to be id-mapped without a mapping: neither its own nor the container's. */
export function refuseUnmappable(
  mounts: readonly Mount[],
  hasUserNamespace: boolean,
  place: Place,
): void {
  if (hasUserNamespace) return;
  mounts.forEach((mount, i) => {
    if (mount.uidMappings === undefined && parseMountOptions(mount.options).idmap) {
      place.refuse(
        'an id-mapped mount needs uidMappings and gidMappings, or a "user" namespace',
        "mounts",
        i,
        "options",
      );
    }
  });
}
