import { AT_FDCWD, AT_REMOVEDIR, O_WRONLY } from "../../ffi/constants.ts";
import type { Name } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, mkdirat, openat, readFile, unlinkat, write } from "../../ffi/file.ts";
import { poll } from "../../ffi/poll.ts";
import { alloc } from "../../ffi/struct.ts";

const encoder = new TextEncoder();

/** The content of a file, or undefined when it or its cgroup is not there. */
export function readIfThere(path: string, dirfd = AT_FDCWD): string | undefined {
  return unlessGone(() => readFile(path, dirfd));
}

/**
 * Writes a value to a file of cgroupfs in one write(2), as it must be.
 *
 * @throws {SysError} with what the kernel has against the value.
 */
export function writeFile(path: string, value: string, dirfd = AT_FDCWD): void {
  using fd = new Fd(openat(dirfd, path, O_WRONLY));
  writeValue(fd.number, value);
}

/** Writes one value to an open file of cgroupfs. */
export function writeValue(fd: number, value: string): void {
  const bytes = alloc(value.length * 3);
  const { written } = encoder.encodeInto(value, bytes);
  write(fd, bytes.subarray(0, written));
}

/** Makes a cgroup. `false` when it was there before. */
export function makeFolder(path: string): boolean {
  try {
    mkdirat(AT_FDCWD, path, 0o755);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a cgroup without children. `false` when it still has members or children. */
export function removeFolder(path: Name, dirfd = AT_FDCWD): boolean {
  try {
    unlinkat(dirfd, path, AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (error instanceof SysError && error.code === "EBUSY") return false;
    throw error;
  }
}

/** Whether an error tells that a file or its cgroup is not there (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof SysError && (error.code === "ENOENT" || error.code === "ENODEV");
}

/** What `action` gives, or undefined when the file or cgroup that it is about is not there. */
export function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Asks `done` again and again, at growing intervals of 0.2 to 10 milliseconds, until it says yes.
 *
 * @param timeout milliseconds.
 * @returns whether it said yes in time.
 */
export function waitUntil(done: () => boolean, timeout: number): boolean {
  // Most often it is so already.
  if (done()) return true;
  const end = performance.now() + timeout;
  let pause = 0.2;
  do {
    if (performance.now() >= end) return false;
    poll([], pause);
    pause = Math.min(2 * pause, 10);
  } while (!done());
  return true;
}
