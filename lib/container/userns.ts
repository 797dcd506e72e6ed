import { ContainerError } from "../errors.ts";
import type { IDMapping } from "../oci/spec.ts";
import type { ContainerState, IdRange } from "../runtime/state.ts";
import type { SecurityOptions } from "./options.ts";

/** The ids that are set aside for containers by convention (systemd's UIDS-GIDS.md), 65536 for each. */
const FIRST = 524_288;
const LAST = 1_879_048_191;
const SIZE = 65_536;

/**
 * The mapping of a container's user and group ids; undefined without a user namespace. With `auto` it is a
 * range of the host that no container has and that nobody was given for his own (subuid(5), subgid(5)).
 *
 * @param live all containers that there are; the caller holds the lock.
 */
export function chooseMappings(
  option: SecurityOptions["userns"],
  live: readonly ContainerState[],
): readonly IDMapping[] | undefined {
  if (option === "host") return undefined;
  if (option !== "auto") return option;
  const taken = [
    ...live.flatMap(({ record }) => record.hostIds ?? []),
    ...["/etc/subuid", "/etc/subgid"].flatMap(givenAway),
  ];
  return [{ containerID: 0, hostID: freeRange(taken), size: SIZE }];
}

/** The first id of the lowest range that overlaps none of those taken. */
export function freeRange(taken: readonly IdRange[]): number {
  const sorted = taken.toSorted((a, b) => a.first - b.first);
  let first = FIRST;
  for (const range of sorted) {
    if (range.first >= first + SIZE) break;
    const end = range.first + range.size;
    if (end > first) first = FIRST + Math.ceil((end - FIRST) / SIZE) * SIZE;
  }
  if (first + SIZE - 1 <= LAST) return first;
  throw new ContainerError('choose ids for "-userns auto": all are taken', {
    hint: "Give a range yourself: -userns 0:HOST:SIZE",
  });
}

/** The lines `NAME:FIRST:SIZE` of a file; none where it is missing. */
function givenAway(file: string): IdRange[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.split("\n").map((line) => line.split(":")).filter((fields) => fields.length === 3)
    .map(([, first, size]) => ({ first: Number(first), size: Number(size) }))
    .filter(({ first, size }) => Number.isSafeInteger(first) && Number.isSafeInteger(size));
}
