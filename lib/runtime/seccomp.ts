import { Fd } from "../../ffi/file.ts";
import { poll } from "../../ffi/poll.ts";
import { pidfd_getfd, pidfd_open } from "../../ffi/process.ts";
import { connect, sendmsg, SOCK_STREAM, socket } from "../../ffi/socket.ts";
import { alloc } from "../../ffi/struct.ts";
import { ContainerError, SysError } from "../errors.ts";
import type { SeccompFilter } from "../init/plan.ts";
import type { Seccomp, Spec } from "../oci/spec.ts";
import { warn } from "../trace.ts";
import { hookState } from "./hooks.ts";
import type { ContainerRecord } from "./state.ts";

/** A compiled filter and whether it has a listener. */
export type ContainerFilter = SeccompFilter & { readonly notify: boolean };

/**
 * The filter of a config's `linux.seccomp`, for create and exec; undefined when it has none. To be had before the fork, as
 * the compiler is loaded only when there is something to compile.
 *
 * @throws {ContainerError} InvalidSpec for rules that cannot be compiled, or a listener that is missing.
 */
export async function containerFilter(
  config: Seccomp | undefined,
): Promise<ContainerFilter | undefined> {
  if (config === undefined) return undefined;
  const { seccompFilter } = await import("../seccomp/filter.ts");
  const { program, flags, notify, warnings } = await seccompFilter(config);
  warnings.forEach(warn);
  if (notify && config.listenerPath === undefined) {
    throw new ContainerError(
      "apply linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath, where somebody answers",
      { code: "InvalidSpec" },
    );
  }
  return { program, flags, notify };
}

/**
 * Fetches the listener out of the process that has just loaded its filter, or is about to: under it, the
 * process may be unable to send anything itself.
 *
 * @param number the descriptor's number there.
 */
export function fetchListener(pid: number, number: number): number {
  using pidfd = new Fd(pidfd_open(pid));
  const ENOUGH = 10_000;
  const deadline = performance.now() + ENOUGH;
  for (;;) {
    try {
      return pidfd_getfd(pidfd.number, number);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EBADF")) throw error;
      if (performance.now() > deadline) throw error;
    }
    poll([], 1);
  }
}

/**
 * Hands the listener over to who answers for the kernel (config-linux.md, "The Container Process State"): one
 * message on a connection of its own, the descriptor with it.
 *
 * @throws {ContainerError} when nobody takes it.
 */
export function sendListener(
  listener: number,
  pid: number,
  spec: Spec,
  record: ContainerRecord,
): void {
  const { listenerPath, listenerMetadata } = spec.linux!.seccomp!;
  const first = record.init?.pid ?? pid;
  const state = {
    ociVersion: record.ociVersion,
    fds: ["seccompFd"],
    pid,
    ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }),
    // Of its first process a listener hears as runc's and crun's do, before there is a program.
    state: hookState(record, spec, pid === first ? "creating" : "running", first),
  };
  const text = new TextEncoder().encode(JSON.stringify(state));
  const bytes = alloc(text.length);
  bytes.set(text);
  try {
    using connection = new Fd(socket(SOCK_STREAM));
    connect(connection.number, listenerPath!);
    sendmsg(connection.number, bytes, [listener]);
  } catch (cause) {
    if (!(cause instanceof SysError || cause instanceof RangeError)) throw cause;
    throw new ContainerError(
      `hand the seccomp listener over to "${listenerPath}": ${cause.message}`,
      {
        cause,
        hint: "linux.seccomp.listenerPath is a unix stream socket on which somebody listens",
      },
    );
  }
}
