import { parseMountOptions } from "../mount_options.ts";
import type { IDMapping, Linux, Mount } from "../spec.ts";
import { idMappings } from "./id_mappings.ts";
import type { Place } from "./place.ts";

/**
 * Turns the option `idmap=uids=…;gids=…` of mounts, as crun has it and podman passes it on, into uidMappings and
 * gidMappings. A mapping is `FILE-HOST-SIZE`, several are joined by `#`; after an `@` HOST is an id of the container.
 * Of the kind that is left out the container's own mapping is taken, or without one every id is itself.
 */
export function takeMappingOptions(
  mounts: readonly Mount[],
  linux: Linux | undefined,
  place: Place,
): void {
  mounts.forEach((mount, i) => {
    const { mapping } = parseMountOptions(mount.options);
    if (mapping === undefined) return;
    place.enter("mounts");
    place.enter(i);
    if (mount.uidMappings !== undefined) {
      place.refuse("uidMappings and the option idmap=… are two mappings: leave one out", "options");
    }
    place.enter("options");
    const { uids, gids } = kindsOf(mapping, place);
    mount.uidMappings = mappingsOf(uids, linux?.uidMappings, place);
    mount.gidMappings = mappingsOf(gids, linux?.gidMappings, place);
    for (let entered = 0; entered < 3; entered++) place.leave();
  });
}

function kindsOf(text: string, place: Place): { uids?: string; gids?: string } {
  const found: { uids?: string; gids?: string } = {};
  for (const part of text.split(";")) {
    const [, kind, ranges] = /^(uids|gids)=(.+)$/.exec(part) ??
      place.expected("idmap=uids=FILE-HOST-SIZE;gids=FILE-HOST-SIZE", `idmap=${text}`);
    found[kind as "uids" | "gids"] = ranges;
  }
  return found;
}

const ALL: readonly IDMapping[] = [{ containerID: 0, hostID: 0, size: 0xffff_ffff }];

function mappingsOf(
  ranges: string | undefined,
  ofContainer: readonly IDMapping[] | undefined,
  place: Place,
): IDMapping[] {
  const mappings = ranges?.split("#").map((range) => mappingOf(range, ofContainer, place));
  return idMappings(mappings ?? [...ofContainer ?? ALL], place)!;
}

function mappingOf(
  text: string,
  ofContainer: readonly IDMapping[] = ALL,
  place: Place,
): IDMapping {
  const [, relative, file, host, length] = /^(@?)(\d+)-(\d+)-(\d+)$/.exec(text) ??
    place.expected("a mapping FILE-HOST-SIZE", text);
  const [containerID, hostID, size] = [file, host, length].map(Number);
  if (relative === "") return { containerID, hostID, size };
  const around = ofContainer.find((range) =>
    range.containerID <= hostID && hostID + size <= range.containerID + range.size
  );
  if (around === undefined) {
    place.refuse(`"${text}" leads to ids that no mapping of the container has all of`);
  }
  return { containerID, hostID: around.hostID + hostID - around.containerID, size };
}
