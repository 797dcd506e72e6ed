/**
 * The value of a kernel parameter below /proc/sys/net, in the network namespace of the calling
 * thread, or undefined when the kernel has no such parameter. sysctl(8).
 */
export function readSysctl(name: string): string | undefined {
  return ifPresent(() => Deno.readTextFileSync(pathOf(name)).trim());
}

/** Sets a kernel parameter below /proc/sys/net, in the network namespace of the calling thread; one that does not exist is passed over. */
export function writeSysctl(name: string, value: number): void {
  ifPresent(() => Deno.writeTextFileSync(pathOf(name), String(value), { create: false }));
}

function pathOf(name: string): string {
  return `/proc/sys/net/${name}`;
}

function ifPresent<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
