import { AT_FDCWD, O_WRONLY } from "../../ffi/constants.ts";
import { cstring } from "../../ffi/cstring.ts";
import { SysError } from "../../ffi/errno.ts";
import { Fd, openat, readFile, write } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";

/**
 * The value of a kernel parameter below /proc/sys/net, in the network namespace of the calling
 * thread, or undefined when the kernel has no such parameter. sysctl(8).
 */
export function readSysctl(name: string): string | undefined {
  return ifPresent(() => readFile(pathOf(name)).trim());
}

/** Sets a kernel parameter below /proc/sys/net, in the network namespace of the calling thread; one that does not exist is passed over. */
export function writeSysctl(name: string, value: number | string): void {
  ifPresent(() => {
    using file = new Fd(openToWrite(pathOf(name)));
    const bytes = cstring(String(value));
    write(file.number, bytes.subarray(0, bytes.length - 1));
  });
}

function pathOf(name: string): string {
  return `/proc/sys/net/${name}`;
}

function openToWrite(path: string): number {
  try {
    return openat(AT_FDCWD, path, O_WRONLY);
  } catch (error) {
    if (!(error instanceof SysError) || error.code === "ENOENT") throw error;
    throw new ContainerError(`set the kernel parameter "${path}": ${error.message}`, {
      code: "NotAllowed",
      hint: error.code === "EROFS"
        ? "/proc/sys is read-only, as in a container: one that this is to run in takes --privileged; " +
          "or give -net host or -net none"
        : undefined,
      cause: error,
    });
  }
}

function ifPresent<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}
