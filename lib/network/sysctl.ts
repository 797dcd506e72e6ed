import { AT_FDCWD, O_WRONLY } from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat, readFile, write } from "../../ffi/file.ts";

/**
 * The value of a kernel parameter below /proc/sys/net, in the network namespace of the calling
 * thread, or undefined when the kernel has no such parameter. sysctl(8).
 */
export function readSysctl(name: string): string | undefined {
  return ifPresent(() => readFile(pathOf(name)).trim());
}

/** Sets a kernel parameter below /proc/sys/net, in the network namespace of the calling thread; one that does not exist is passed over. */
export function writeSysctl(name: string, value: number): void {
  ifPresent(() => {
    using file = new Fd(openat(AT_FDCWD, pathOf(name), O_WRONLY));
    const bytes = cstring(String(value));
    write(file.number, bytes.subarray(0, bytes.length - 1));
  });
}

function pathOf(name: string): string {
  return `/proc/sys/net/${name}`;
}

function ifPresent<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}
