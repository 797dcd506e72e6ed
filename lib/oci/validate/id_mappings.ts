import type { IDMapping } from "../spec.ts";
import { integer, uint32 } from "./integers.ts";
import type { Place } from "./place.ts";
import { listOf, object, required, type Rule } from "./schema.ts";

/** More lines the kernel does not take, user_namespaces(7). */
const MAX_MAPPINGS = 340;
/** The first id that does not exist. */
const ID_END = 0xffff_ffff;

/** config-linux.md, "User namespace mappings". */
const mapping = object<IDMapping>(() => ({
  containerID: required(uint32),
  hostID: required(uint32),
  size: required(integer(1, ID_END, "a number of ids")),
}), ({ containerID, hostID, size }, place) => {
  if (containerID + size > ID_END) place.refuse(`ends beyond the last id, ${ID_END - 1}`);
  if (hostID + size > ID_END) place.refuse(`ends beyond the last id of the host, ${ID_END - 1}`);
});

const list = listOf(mapping);

/** The mappings of a user namespace or of a mount; an empty list says nothing. */
export const idMappings: Rule<IDMapping[] | undefined> = (value, place) => {
  const mappings = list(value, place);
  if (mappings.length > MAX_MAPPINGS) {
    place.expected(`at most ${MAX_MAPPINGS} mappings`, mappings.length);
  }
  refuseOverlap(mappings, "containerID", place);
  refuseOverlap(mappings, "hostID", place);
  return mappings.length === 0 ? undefined : mappings;
};

function refuseOverlap(
  mappings: readonly IDMapping[],
  side: "containerID" | "hostID",
  place: Place,
): void {
  const order = mappings.map((_, i) => i).sort((a, b) => mappings[a]![side] - mappings[b]![side]);
  for (let i = 1; i < order.length; i++) {
    const [first, second] = [order[i - 1]!, order[i]!];
    if (mappings[first]![side] + mappings[first]!.size > mappings[second]![side]) {
      place.refuse(`overlaps the ids of [${first}]`, second, side);
    }
  }
}
