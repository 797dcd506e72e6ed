import { type FileStatus, lseek, readFile, SEEK_DATA, SEEK_HOLE } from "../../ffi/file.ts";

/** Whether a file takes less of the disk than it has bytes, as one with holes does. */
export function mayHaveHoles({ size, diskSize }: FileStatus): boolean {
  return diskSize < size;
}

/** Where an open file of some size holds data, in ascending order. Its offset is moved. */
export function* dataIn(
  fd: number,
  size: number,
): Generator<{ readonly offset: number; readonly length: number }> {
  for (let at = 0; at < size && lseek(fd, at, SEEK_DATA);) {
    const offset = offsetOf(fd);
    // It may have become shorter.
    if (offset >= size || !lseek(fd, offset, SEEK_HOLE)) return;
    at = Math.min(offsetOf(fd), size);
    yield { offset, length: at - offset };
  }
}

/** The offset of an open file (proc_pid_fdinfo(5)). */
function offsetOf(fd: number): number {
  const text = readFile(`/proc/self/fdinfo/${fd}`);
  return Number(/^pos:\s*([0-9]+)$/m.exec(text)![1]);
}
