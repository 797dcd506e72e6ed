import { lseekToStart } from "../../../ffi/file.ts";
import { dataIn } from "../../init/holes.ts";
import type { DataRegion } from "../tar/entry.ts";

/**
 * Where an open file of some size holds data, in ascending order; undefined when it has no holes. Its
 * offset is at the beginning afterwards.
 */
export function dataRegions(fd: number, size: number): DataRegion[] | undefined {
  const regions: DataRegion[] = [...dataIn(fd, size)];
  lseekToStart(fd);
  const last = regions.at(-1);
  const end = last === undefined ? 0 : last.offset + last.length;
  if (regions.length === 1 && last!.length === size) return undefined;
  // GNU tar wants to be told of a hole at the end.
  if (end < size) regions.push({ offset: size, length: 0 });
  return regions;
}
