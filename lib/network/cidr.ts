import { ContainerError } from "../errors.ts";

/** An IPv4 address with the length of its network prefix (RFC 4632). */
export interface Cidr {
  /** The address as a number in host order: 10.0.0.1 is 0x0a000001. */
  readonly address: number;
  /** The length of the network part in bits. */
  readonly prefix: number;
}

/**
 * Reads `10.10.10.1/24`. Octets are decimal without leading zeros, which inet_aton(3) would take
 * for octal.
 *
 * @param what where the text comes from, for the error: `-bridge-addr`.
 * @throws {ContainerError} InvalidArgument, telling which part is wrong.
 */
export function parseCidr(text: string, what: string): Cidr {
  const fail = (why: string) =>
    new ContainerError(`read ${what} ${JSON.stringify(text)}: ${why}`, {
      code: "InvalidArgument",
      hint: 'Write an IPv4 address and the length of its network prefix, as in "10.10.10.1/24"',
    });
  if (text.includes(":")) throw fail("IPv6 addresses are not supported");
  const slash = text.indexOf("/");
  if (slash < 0) throw fail("the prefix length is missing");
  const octets = text.slice(0, slash).split(".");
  if (octets.length !== 4) throw fail("an IPv4 address has four numbers");
  let address = 0;
  for (const octet of octets) {
    if (!isNumber(octet, 255)) throw fail(`${JSON.stringify(octet)} is not a number from 0 to 255`);
    address = address * 256 + Number(octet);
  }
  const prefix = text.slice(slash + 1);
  if (!isNumber(prefix, 32)) throw fail(`the prefix length is not a number from 0 to 32`);
  return { address, prefix: Number(prefix) };
}

/** The text of an address with its prefix: `10.10.10.1/24`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr)}/${cidr.prefix}`;
}

/** The text of an address alone: `10.10.10.1`. */
export function formatAddress({ address }: Pick<Cidr, "address">): string {
  return [address >>> 24, address >>> 16 & 255, address >>> 8 & 255, address & 255].join(".");
}

/** The network that an address lies in: of 10.10.10.1/24 it is 10.10.10.0/24. */
export function networkOf({ address, prefix }: Cidr): Cidr {
  return { address: (address & mask(prefix)) >>> 0, prefix };
}

/** The last address of a network, its broadcast address. */
export function broadcastOf({ address, prefix }: Cidr): number {
  return (address | ~mask(prefix)) >>> 0;
}

/** The netmask of a prefix length as a number: of /24 it is 0xffffff00. */
export function netmaskOf({ prefix }: Pick<Cidr, "prefix">): number {
  return mask(prefix) >>> 0;
}

/** Whether an address lies in the network of `cidr`. */
export function contains(cidr: Cidr, address: number): boolean {
  return ((address ^ cidr.address) & mask(cidr.prefix)) === 0;
}

/** Whether two networks have addresses in common. */
export function overlap(a: Cidr, b: Cidr): boolean {
  return contains(a.prefix < b.prefix ? a : b, a.prefix < b.prefix ? b.address : a.address);
}

/** Whether both are the same address with the same prefix. */
export function sameCidr(a: Cidr, b: Cidr): boolean {
  return a.address === b.address && a.prefix === b.prefix;
}

function mask(prefix: number): number {
  // A shift by 32 would do nothing, for JavaScript takes it modulo 32.
  return prefix === 0 ? 0 : -1 << (32 - prefix);
}

function isNumber(text: string, greatest: number): boolean {
  const value = Number(text);
  return value >= 0 && value <= greatest && String(value) === text;
}
