import { lseek, lseekToStart, SEEK_DATA, SEEK_HOLE } from "../../../ffi/file.ts";
import type { DataRegion } from "../tar/entry.ts";

/**
 * Where an open file of some size holds data, in ascending order; undefined when it has no holes. Its
 * offset is at the beginning afterwards.
 */
export function dataRegions(fd: number, size: number): DataRegion[] | undefined {
  const regions: DataRegion[] = [];
  for (let at = 0; at < size && lseek(fd, at, SEEK_DATA);) {
    const offset = offsetOf(fd);
    if (offset >= size) break;
    lseek(fd, offset, SEEK_HOLE);
    at = Math.min(offsetOf(fd), size);
    regions.push({ offset, length: at - offset });
  }
  lseekToStart(fd);
  const last = regions.at(-1);
  const end = last === undefined ? 0 : last.offset + last.length;
  if (regions.length === 1 && last!.length === size) return undefined;
  // GNU tar wants to be told of a hole at the end.
  if (end < size) regions.push({ offset: size, length: 0 });
  return regions;
}

/** The offset of an open file (proc_pid_fdinfo(5)). */
function offsetOf(fd: number): number {
  const text = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  return Number(/^pos:\s*([0-9]+)$/m.exec(text)![1]);
}
