import { step } from "../trace.ts";
import { BRIDGE } from "./bridge.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";
import { isHostVeth } from "./veth.ts";

/** What the host forwards between its interfaces, by the parameters of ip-sysctl (Linux' Documentation/networking). */
export interface Forwarding {
  /** Whether it does so by somebody's will, and not for containers alone. */
  readonly isRouter: boolean;
  /** Whether it forwards what containers need. */
  readonly isOn: boolean;
}

/**
 * Looks at what the host forwards. `ip_forward` is left to whoever wants a router: for containers each interface is
 * told to forward, and the default for those to come, so that a 0 there goes on saying that the host is none.
 *
 * @param wasNone whether it was none when the rules that stand were made.
 */
export function lookAtForwarding(wasNone: boolean): Forwarding {
  if (readSysctl(EVERYWHERE) !== "0") return { isRouter: true, isOn: true };
  if (readSysctl(forwardingOf("default")) === "1") return { isRouter: false, isOn: true };
  const isRouter = !wasNone &&
    othersInterfaces().some((name) => readSysctl(forwardingOf(name)) === "1");
  return { isRouter, isOn: false };
}

/** Has the host forward packets; where it is a router by some of its interfaces only, by all of them. */
export function forwardPackets({ isRouter }: Forwarding): void {
  if (isRouter) {
    step({
      label: "let the host forward packets between all its interfaces, as it does between some",
      call: `write("/proc/sys/net/${EVERYWHERE}", "1")`,
      check: "sysctl net.ipv4.ip_forward",
    }, () => writeSysctl(EVERYWHERE, 1));
    return;
  }
  step({
    label: "let the host's interfaces forward packets, without making a router of it",
    call: `write("/proc/sys/net/${forwardingOf("*")}", "1"), of all interfaces and the default`,
    check: "sysctl net.ipv4.conf.default.forwarding",
  }, () => {
    const interfaces = entries().filter((name) => name !== "default");
    // The default is last, for it tells that all is done.
    for (const name of [...interfaces, "default"]) writeSysctl(forwardingOf(name), 1);
  });
}

/** The interfaces of the host's own and of others, which packets of containers do not come in by. */
export function othersInterfaces(): string[] {
  return entries().filter((name) => name !== "default" && name !== BRIDGE && !isHostVeth(name));
}

const EVERYWHERE = "ipv4/ip_forward";

function forwardingOf(name: string): string {
  return `ipv4/conf/${name}/forwarding`;
}

/** The interfaces that have parameters, and `default`. */
function entries(): string[] {
  return [...Deno.readDirSync("/proc/sys/net/ipv4/conf")].map(({ name }) => name)
    .filter((name) => name !== "all").sort();
}
