import type { Cidr } from "./cidr.ts";

/**
 * The hardware address that goes with an IPv4 address: locally administered, its last four bytes
 * the address itself. So the next container with the same address answers under the same hardware
 * address, and nobody's neighbour table is out of date.
 */
export function macAddress(of: Pick<Cidr, "address">): string {
  return [...hardwareAddress(of)].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The same as six bytes. */
export function hardwareAddress({ address }: Pick<Cidr, "address">): Uint8Array<ArrayBuffer> {
  const LOCALLY_ADMINISTERED = 0x02;
  const bytes = [address >>> 24, address >>> 16 & 255, address >>> 8 & 255, address & 255];
  return new Uint8Array([LOCALLY_ADMINISTERED, 0x67, ...bytes]);
}
