import { type Condition, condition } from "./decision.ts";

/** A call that i386 makes through another one, whose first argument says which it is. */
export interface MultiplexedCall {
  readonly multiplexer: "ipc" | "socketcall";
  readonly selector: number;
}

/**
 * The multiplexed calls in the order of their selectors, from the given one on (include/uapi/linux/ipc.h,
 * include/uapi/linux/net.h).
 */
const MULTIPLEXED = [
  [
    "socketcall",
    1,
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom " +
    "shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg",
  ],
  ["ipc", 1, "semop semget semctl semtimedop"],
  ["ipc", 11, "msgsnd msgrcv msgget msgctl"],
  ["ipc", 21, "shmat shmdt shmget shmctl"],
] as const;

/** The lowest of the numbers which multiplexed calls got of their own later: that of recvmmsg(2). */
export const FIRST_DEMULTIPLEXED = 337;

let table: Map<string, MultiplexedCall> | undefined;

/** How i386 makes a call through another one, beside a number of its own if it has one. */
export function multiplexed(name: string): MultiplexedCall | undefined {
  if (table === undefined) {
    table = new Map();
    for (const [multiplexer, first, names] of MULTIPLEXED) {
      let selector: number = first;
      for (const name of names.split(" ")) table.set(name, { multiplexer, selector: selector++ });
    }
  }
  return table.get(name);
}

/**
 * What conditions of a call mean for its multiplexer.
 *
 * The first argument is the selector there and the second a pointer to the real ones, which a filter
 * cannot follow. A condition on the first argument gives way to the selector, so that the rule is about
 * the call with any arguments; conditions on others stay as they are. That is libseccomp's way.
 */
export function throughMultiplexer(
  { selector }: MultiplexedCall,
  conditions: readonly Condition[],
): Condition[] {
  const others = conditions.filter(({ argument }) => argument !== 0);
  return [condition(0, "SCMP_CMP_EQ", BigInt(selector), 0n), ...others];
}
