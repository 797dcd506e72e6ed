import { readFile } from "../ffi/file.ts";

/**
 * A new random UUID (RFC 9562, version 4), as text. The kernel makes one for each read, random(4); the first use of
 * `crypto` in a process takes ten times as long.
 */
export function newUuid(): string {
  return readFile("/proc/sys/kernel/random/uuid").trimEnd();
}
