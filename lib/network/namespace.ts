import { AT_FDCWD, CLONE_NEWNET, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { setns, unshare } from "../../ffi/namespace.ts";
import { step } from "../trace.ts";

/** The network namespace of the calling thread, open. */
export function ownNetworkNamespace(): Fd {
  return new Fd(openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY));
}

/**
 * Makes a network namespace and does `action` in it, as {@link inNetworkNamespace} does.
 *
 * @returns the new one, open, and what `action` has returned.
 */
export function inNewNetworkNamespace<T>(action: () => T): { namespace: Fd; result: T } {
  using own = ownNetworkNamespace();
  step({
    label: "make the container's network namespace",
    call: "unshare(CLONE_NEWNET)",
    check: "lsns -t net",
  }, () => unshare(CLONE_NEWNET));
  using undo = new DisposableStack();
  try {
    const namespace = undo.use(ownNetworkNamespace());
    const result = action();
    undo.move();
    return { namespace, result };
  } finally {
    setns(own.number, CLONE_NEWNET);
  }
}

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
  using own = ownNetworkNamespace();
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
