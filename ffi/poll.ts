import { errno, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
import { alloc } from "./struct.ts";

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

/** A descriptor and what to wait for; poll(2) fills `revents`. */
export interface PollFd {
  fd: number;
  events: number;
  revents: number;
}

/** ppoll(2). `timeout` is milliseconds, without one it waits for ever. Returns how many are ready; 0 after the time or a signal. */
export function poll(fds: readonly PollFd[], timeout?: number): number {
  const array = alloc(Math.max(8, fds.length * 8));
  const view = new DataView(array.buffer);
  fds.forEach((entry, i) => {
    view.setInt32(i * 8, entry.fd, true);
    view.setInt16(i * 8 + 4, entry.events, true);
  });
  let timespec: Uint8Array<ArrayBuffer> | null = null;
  if (timeout !== undefined) {
    timespec = alloc(16);
    const time = new DataView(timespec.buffer);
    time.setBigInt64(0, BigInt(Math.floor(timeout / 1000)), true);
    time.setBigInt64(8, BigInt(Math.floor((timeout % 1000) * 1e6)), true);
  }
  const ready = trySyscall(
    "ppoll",
    array,
    fds.length,
    timespec,
    null,
    8,
  );
  if (ready === -1) {
    if (errnoName(errno()) === "EINTR") {
      for (const entry of fds) entry.revents = 0;
      return 0;
    }
    throw new SysError("ppoll", errno());
  }
  fds.forEach((entry, i) => entry.revents = view.getInt16(i * 8 + 6, true));
  return ready;
}

/**
 * Waits until there is something to be read, such as the end of a process; a signal in between does not end the wait.
 *
 * @param timeout milliseconds; without one it waits for ever.
 * @returns whether there is, in time.
 */
export function awaitInput(fd: number, timeout?: number): boolean {
  const deadline = performance.now() + (timeout ?? Infinity);
  const input = { fd, events: POLLIN, revents: 0 };
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    if (poll([input], left === Infinity ? undefined : left) > 0) return true;
  }
}
