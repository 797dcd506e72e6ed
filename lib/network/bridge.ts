import { netDevice, wayTo } from "../../ffi/netdevice.ts";
import { type Link, type LinkAddress, RouteSocket } from "../../ffi/rtnetlink.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import type { Lease } from "./addresses.ts";
import {
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  netmaskOf,
  networkOf,
  overlap,
  parseCidr,
  sameCidr,
} from "./cidr.ts";
import { type IpCommand, runIp } from "./ip.ts";
import { macAddress } from "./mac.ts";
import { writeSysctl } from "./sysctl.ts";

/** The name of the bridge that containers are connected to. */
export const BRIDGE = "goContainers0";

/** 198.51.100.1, nobody's address (RFC 5737): what is sent there takes the way to the outside. */
export const PROBED = 0xc6336401;

/** The bridge as it stands, ready for containers. */
export interface Bridge {
  readonly name: string;
  /** Its interface index. */
  readonly index: number;
  /** Its address, the containers' gateway. */
  readonly address: Cidr;
  /** The largest packet in bytes; the containers' interfaces get the same. */
  readonly mtu: number;
}

/**
 * Makes the bridge what is wanted: there, with this address in place of any other, and up. When it
 * is so already, no process is started.
 *
 * The caller holds the lock of the leases.
 *
 * @throws {ContainerError} InUse when live containers need the address that would be replaced, or
 * when another interface or route has the subnet.
 */
export function prepareBridge(options: { address: Cidr; leases: readonly Lease[] }): Bridge {
  return readyBridge(options.address) ?? makeBridge(options.address, options.leases);
}

/**
 * The bridge if it is up and has this address, which a few ioctls tell; else undefined. It changes
 * nothing, so it needs no lock.
 */
export function readyBridge(address: Cidr): Bridge | undefined {
  return step({
    label: `look at the bridge ${BRIDGE}`,
    call: `ioctl(SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFADDR, SIOCGIFNETMASK, "${BRIDGE}")`,
    check: `ip -d address show dev ${BRIDGE}`,
  }, () => {
    const device = netDevice(BRIDGE);
    const isReady = device?.up && device.address === address.address &&
      device.netmask === netmaskOf(address);
    return isReady ? { name: BRIDGE, index: device.index, address, mtu: device.mtu } : undefined;
  });
}

function makeBridge(address: Cidr, leases: readonly Lease[]): Bridge {
  for (let attempt = 1;; attempt++) {
    using socket = new RouteSocket();
    const { link, addresses } = inspect(socket);
    const isAddressed = addresses[0] !== undefined && sameCidr(addresses[0], address);
    if (!isAddressed) checkLeases(address, addresses, leases);
    checkSubnet(address, socket);
    const commands = changes(link, isAddressed ? undefined : addresses, address);
    if (link === undefined) commands.unshift(creation(address, outsideMtu()));
    try {
      if (commands.length > 0) runIp(commands, ["-4"]);
      refuseRouterAdvertisements();
    } catch (error) {
      // Somebody without our lock may make the bridge at the same moment: then it is looked at again.
      const isRace = error instanceof ContainerError && error.message.endsWith(": File exists");
      if (!isRace || attempt === 10) throw error;
    }
    const ready = readyBridge(address);
    if (ready !== undefined) return ready;
    if (attempt === 10) {
      throw new ContainerError(
        `set up the bridge "${BRIDGE}": somebody else changes it at the same time`,
        { code: "InUse", hint: `See "ip monitor" and "ip address show dev ${BRIDGE}"` },
      );
    }
  }
}

/**
 * For when nothing can be connected to it.
 *
 * @throws {ContainerError} InUse when what has the bridge's name, and maybe its address, is none.
 */
export function checkIsBridge(): void {
  using socket = new RouteSocket();
  inspect(socket);
}

function inspect(socket: RouteSocket): { link: Link | undefined; addresses: LinkAddress[] } {
  const link = socket.link(BRIDGE);
  if (link !== undefined && link.kind !== "bridge") {
    throw new ContainerError(
      `use the bridge "${BRIDGE}": an interface with this name is there, but it is not a bridge`,
      { code: "InUse", hint: `Rename it, or delete it with "ip link delete ${BRIDGE}"` },
    );
  }
  const addresses = link === undefined
    ? []
    : socket.addresses().filter(({ index }) => index === link.index);
  return { link, addresses };
}

function creation(address: Cidr, mtu: number): IpCommand {
  return {
    label: `make the bridge ${BRIDGE}, a switch inside the kernel`,
    line: `link add ${BRIDGE} mtu ${mtu} address ${macAddress(address)} type bridge`,
    check: `ip -d link show ${BRIDGE}`,
  };
}

/**
 * The commands that turn the bridge as it is, or as it was just made, into the bridge as it should be.
 *
 * @param outdated the addresses to be replaced, undefined when it has the wanted one.
 */
function changes(
  link: Link | undefined,
  outdated: readonly LinkAddress[] | undefined,
  wanted: Cidr,
): IpCommand[] {
  const commands: IpCommand[] = [];
  const check = `ip address show dev ${BRIDGE}`;
  if (link !== undefined && outdated !== undefined) {
    const old = outdated.map(formatCidr).join(", ") || "none";
    commands.push({
      label: `take the old addresses from the bridge: ${old}`,
      line: `address flush dev ${BRIDGE}`,
      check,
    }, {
      label: "give the bridge the hardware address that goes with the new one",
      line: `link set ${BRIDGE} address ${macAddress(wanted)}`,
      check,
    });
  }
  if (outdated !== undefined) {
    commands.push({
      label: `give the bridge ${formatCidr(wanted)}, the host's address towards the containers`,
      line: `address replace ${formatCidr(wanted)} dev ${BRIDGE}`,
      check,
    });
  }
  if (!link?.up) {
    commands.push({ label: "set the bridge up", line: `link set ${BRIDGE} up`, check });
  }
  return commands;
}

/** @throws {ContainerError} InUse when a live container's gateway would go. */
function checkLeases(
  wanted: Cidr,
  addresses: readonly LinkAddress[],
  leases: readonly Lease[],
): void {
  for (const current of addresses) {
    const users = leases.filter(({ id, address }) =>
      contains(current, parseCidr(address, `the address of "${id}"`).address)
    );
    if (users.length === 0) continue;
    const names = users.map(({ id, address }) => `"${id}" (${address})`).join(", ");
    throw new ContainerError(
      `replace the address ${formatCidr(current)} of "${BRIDGE}" by ${formatCidr(wanted)}: ` +
        `it is the gateway of ${names}`,
      {
        code: "InUse",
        hint: `End ${users.length === 1 ? "this container" : "these containers"} first, ` +
          `or use -bridge-addr ${formatCidr(current)}`,
      },
    );
  }
}

/**
 * Looks for others that have the subnet: their packets would go to the bridge from now on, or the
 * containers' packets to them. A route that is wider than the subnet, such as a VPN's 10.0.0.0/8,
 * goes on working for all but this subnet, which deserves a warning only.
 *
 * @throws {ContainerError} InUse.
 */
function checkSubnet(wanted: Cidr, socket: RouteSocket): void {
  const subnet = networkOf(wanted);
  // In this order: an address of a bridge that is made at this moment is the bridge's, not a stranger's.
  const taken = socket.addresses();
  const routes = socket.routes();
  const bridge = socket.link(BRIDGE)?.index;
  const nameOf = (index: number | undefined) =>
    JSON.stringify(index === undefined ? "several" : socket.link(index)?.name ?? `if${index}`);
  const fail = (index: number | undefined, why: string) =>
    new ContainerError(
      `use the subnet ${formatCidr(subnet)} for the bridge "${BRIDGE}": ` +
        `interface ${nameOf(index)} has ${why}`,
      { code: "InUse", hint: 'Choose another subnet, e.g. "-bridge-addr 192.168.99.1/24"' },
    );
  for (const address of taken) {
    if (address.index === bridge) continue;
    if (isWithin(address, subnet)) throw fail(address.index, `the address ${formatCidr(address)}`);
  }
  for (const route of routes) {
    if (bridge !== undefined && route.index === bridge) continue;
    const destination = { address: route.destination, prefix: route.prefix };
    if (route.gateway !== undefined && contains(subnet, route.gateway)) {
      throw fail(route.index, `the gateway ${formatAddress({ address: route.gateway })}`);
    }
    if (!overlap(destination, subnet)) continue;
    if (route.prefix >= subnet.prefix) {
      throw fail(route.index, `a route to ${formatCidr(destination)}`);
    }
    if (route.prefix > 0) {
      const wider = `${formatCidr(destination)}, which is reached through ${nameOf(route.index)}`;
      warn(
        `the bridge's subnet ${formatCidr(subnet)} is part of ${wider}: hosts there with these ` +
          "addresses cannot be reached now; -bridge-addr chooses another subnet",
      );
    }
  }
}

/** Whether an interface with this address takes itself for part of the subnet, or has part of it to itself. */
function isWithin(address: LinkAddress, subnet: Cidr): boolean {
  return contains(subnet, address.address) ||
    address.prefix >= subnet.prefix && overlap(address, subnet);
}

/**
 * Tells of an interface that has got an address of the bridge's subnet since the bridge was made, as in another one's
 * LAN: the host sends what is for that to the bridge, and nobody would look for the reason there.
 */
export function warnOfSameSubnet({ index, address }: Bridge): void {
  const subnet = networkOf(address);
  using socket = new RouteSocket();
  const other = socket.addresses().find((one) => one.index !== index && isWithin(one, subnet));
  if (other === undefined) return;
  const name = JSON.stringify(socket.link(other.index)?.name ?? `if${other.index}`);
  warn(
    `the interface ${name} has the address ${
      formatCidr(other)
    }, of the bridge's subnet: hosts there are not reached, ` +
      "nor from containers; -bridge-addr chooses another subnet once these have ended",
  );
}

/**
 * The bridge with no larger packets than the host's way out has by now: a VPN may have come after it, and who is
 * there by it would get none of those that have to be split on the way and may not be.
 */
export function fitted(bridge: Bridge): Bridge {
  const mtu = outsideMtu();
  if (bridge.mtu <= mtu) return bridge;
  runIp([{
    label: "let packets of containers be no larger than those to the outside",
    line: `link set ${BRIDGE} mtu ${mtu}`,
    check: `ip link show ${BRIDGE}`,
  }]);
  return { ...bridge, mtu };
}

/** The largest packet, in bytes, that passes on the host's way out, at most Ethernet's 1500. */
function outsideMtu(): number {
  const ETHERNET = 1500;
  return Math.min(wayTo(PROBED)?.mtu ?? ETHERNET, ETHERNET);
}

/** Containers are not to tell the host its routes (CVE-2020-13401). */
function refuseRouterAdvertisements(): void {
  step({
    label: "let the host ignore IPv6 router advertisements that come from containers",
    call: `write("/proc/sys/net/ipv6/conf/${BRIDGE}/accept_ra", "0")`,
    check: `sysctl net.ipv6.conf.${BRIDGE}.accept_ra`,
  }, () => writeSysctl(`ipv6/conf/${BRIDGE}/accept_ra`, 0));
}
