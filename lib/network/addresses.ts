import { ContainerError } from "../errors.ts";
import {
  broadcastOf,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  networkOf,
  parseCidr,
} from "./cidr.ts";

/** The bridge's address when `-bridge-addr` is not given. */
export const DEFAULT_BRIDGE_ADDRESS = "10.10.10.1/24";

/** An address that a live container has. */
export interface Lease {
  /** The container's id. */
  readonly id: string;
  /** Its address with prefix: `10.10.10.2/24`. */
  readonly address: string;
}

/**
 * Reads `-bridge-addr`: an address for hosts, in a network that has room for at least one more.
 *
 * @throws {ContainerError} InvalidArgument.
 */
export function parseBridgeAddress(text: string): Cidr {
  const address = parseCidr(text, "-bridge-addr");
  checkHostAddress(address, "-bridge-addr");
  return address;
}

/**
 * The address of a new container: the requested one if it fits and is free, else the first free one
 * of the bridge's subnet, from its second host address on (10.10.10.2 of 10.10.10.0/24).
 *
 * Pure: the caller holds the lock under which `leases` were read and the result is recorded.
 *
 * @throws {ContainerError} InvalidArgument for a request that does not fit the subnet, InUse when
 * the requested address is leased or none is left.
 */
export function chooseContainerAddress(options: {
  bridge: Cidr;
  /** `-container-addr`, undefined when it was not given. */
  requested?: string | undefined;
  leases: readonly Lease[];
}): Cidr {
  const { bridge, requested, leases } = options;
  const owners = new Map(
    leases.map(({ id, address }) => [parseCidr(address, `the address of "${id}"`).address, id]),
  );
  if (requested === undefined) return nextFreeAddress(bridge, new Set(owners.keys()));
  const address = parseRequested(requested, bridge);
  const owner = owners.get(address.address);
  if (owner !== undefined) {
    throw new ContainerError(
      `use "${formatCidr(address)}": container "${owner}" has this address`,
      {
        code: "InUse",
        hint: "Leave -container-addr out to get the next free address",
      },
    );
  }
  return address;
}

/**
 * The first address of the bridge's subnet that neither the bridge nor one of `taken` has.
 *
 * @throws {ContainerError} InUse when there is none.
 */
function nextFreeAddress(bridge: Cidr, taken: ReadonlySet<number>): Cidr {
  const { address: network, prefix } = networkOf(bridge);
  const last = broadcastOf(bridge) - 1;
  const isFree = (address: number) => address !== bridge.address && !taken.has(address);
  for (let address = network + 2; address <= last; address++) {
    if (isFree(address)) return { address, prefix };
  }
  if (isFree(network + 1)) return { address: network + 1, prefix };
  const count = last - network - 1;
  const all = count === 1 ? "the only one is" : `all ${count} are`;
  throw new ContainerError(
    `find a free address in ${formatCidr(networkOf(bridge))}: ${all} taken`,
    { code: "InUse", hint: "End a container, or choose a larger subnet with -bridge-addr" },
  );
}

function parseRequested(text: string, bridge: Cidr): Cidr {
  const address = parseCidr(text, "-container-addr");
  const subnet = formatCidr(networkOf(bridge));
  const fail = (why: string, hint: string) =>
    new ContainerError(`use -container-addr "${text}": ${why}`, { code: "InvalidArgument", hint });
  if (!contains(bridge, address.address)) {
    throw fail(
      `it lies outside the bridge's subnet ${subnet}`,
      "Choose an address of this subnet, or another subnet with -bridge-addr",
    );
  }
  if (address.prefix !== bridge.prefix) {
    throw fail(
      `its prefix is not that of the bridge's subnet ${subnet}`,
      `Write "${formatCidr({ address: address.address, prefix: bridge.prefix })}"`,
    );
  }
  if (address.address === bridge.address) {
    throw fail("the bridge itself has this address", "Choose another address of the subnet");
  }
  checkHostAddress(address, "-container-addr");
  return address;
}

/** @throws {ContainerError} InvalidArgument for what no host can have, or where nobody else could be. */
function checkHostAddress(cidr: Cidr, what: string): void {
  const fail = (why: string, hint: string) =>
    new ContainerError(`use ${what} "${formatCidr(cidr)}": ${why}`, {
      code: "InvalidArgument",
      hint,
    });
  const { address, prefix } = cidr;
  const first = address >>> 24;
  if (first === 0 || first === 127 || first >= 224) {
    throw fail(
      "hosts cannot have addresses that begin with 0, 127 or 224 to 255",
      "Choose a private subnet, such as 10.10.10.1/24 or 192.168.99.1/24 (RFC 1918)",
    );
  }
  if (prefix < 8 || prefix > 30) {
    throw fail(
      "the prefix length has to be from 8 to 30",
      "A shorter one spans networks of others, a longer one has no room for a container",
    );
  }
  const network = networkOf(cidr).address;
  if (address === network || address === broadcastOf(cidr)) {
    const kind = address === network ? "network" : "broadcast";
    throw fail(
      `it is the ${kind} address of its subnet`,
      `Choose one from ${formatAddress({ address: network + 1 })} to ` +
        formatAddress({ address: broadcastOf(cidr) - 1 }),
    );
  }
}
