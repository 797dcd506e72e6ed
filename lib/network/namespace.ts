import { AT_FDCWD, CLONE_NEWNET, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { setns } from "../../ffi/namespace.ts";
import { step } from "../trace.ts";

/**
 * Does `action` with the calling thread inside another network namespace, and comes back whatever
 * happens. What `action` starts is born in that namespace; sockets and /proc/sys/net are its own too.
 *
 * @param path a file of network_namespaces(7), e.g. `/proc/1234/ns/net`.
 * @param action gets the way by which other programs reach the namespace left behind.
 * @throws {SysError} when the namespace cannot be entered.
 */
export function inNetworkNamespace<T>(path: string, action: (own: string) => T): T {
  // The own one is opened first: without it there would be no way back.
  using own = new Fd(openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY));
  using other = new Fd(openat(AT_FDCWD, path, O_RDONLY));
  step(() => ({
    label: "enter the container's network namespace",
    call: `setns(open("${path}"), CLONE_NEWNET)`,
    check: `readlink ${path} /proc/${Deno.pid}/ns/net`,
  }), () => setns(other.number, CLONE_NEWNET));
  try {
    return action(`/proc/${Deno.pid}/fd/${own.number}`);
  } finally {
    setns(own.number, CLONE_NEWNET);
  }
}
