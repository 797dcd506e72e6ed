import { type Link, RouteSocket } from "../../ffi/rtnetlink.ts";
import { BRIDGE } from "./bridge.ts";

/**
 * The names of the bridges that others have for containers and virtual machines, such as docker's: all that is at them
 * lives on this host. Who is at one of them is as much a stranger to those at another one as the outside is. A bridge
 * with hardware at it, or on a way to elsewhere, is a part of a LAN.
 */
export function findNeighbours(): string[] {
  using socket = new RouteSocket();
  const others = socket.links({ kind: "bridge" }).filter(({ name }) => name !== BRIDGE);
  const routes = others.length === 0 ? [] : socket.routes();
  return others.filter(({ index }) =>
    !routes.some((way) => way.index === index && (way.gateway !== undefined || way.prefix === 0)) &&
    socket.links({ master: index }).every(isOfThisHost)
  ).map(({ name }) => name).sort();
}

/** Whether what is at the interface's other end is this host's. */
function isOfThisHost({ kind }: Link): boolean {
  return kind === "veth" || kind === "tun" || kind === "dummy";
}
