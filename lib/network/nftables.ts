import { SysError } from "../../ffi/errno.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  NF_INET_POST_ROUTING,
  NFPROTO_IPV4,
  type NftChain,
  NftSocket,
} from "../../ffi/nfnetlink.ts";
import {
  type BaseChain,
  bitwise,
  cmp,
  counter,
  ct,
  CT_ESTABLISHED,
  CT_RELATED,
  delTable,
  immediate,
  interfaceName,
  IPS_DST_NAT,
  masq,
  meta,
  newChain,
  newRule,
  newTable,
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_CT_STATE,
  NFT_CT_STATUS,
  NFT_META_IIFNAME,
  NFT_META_OIFNAME,
  NFT_PAYLOAD_NETWORK_HEADER,
  type NftExpression,
  payload,
} from "../../ffi/nf_tables.ts";
import { toBe32 } from "../../ffi/netlink.ts";
import { BRIDGE, PROBED } from "./bridge.ts";
import { type Cidr, formatCidr, netmaskOf } from "./cidr.ts";
import { RuleWatch } from "./rule_watch.ts";

/** The one table that is gocontainer's; rules of others are not touched. */
export const TABLE = "gocontainer";
/** Its chain for what passes through the host. */
const FORWARD = "forward";
/** Its chain that takes back what only tries whether it passes (way_out.ts). */
export const PROBE = "probe";
/** The beginning of its chains that keep containers from another bridge; the bridge's name follows. */
const APART = "apart-from-";

/** A connection to the kernel's nftables, or undefined when the kernel has none. */
export function openNftables(): NftSocket | undefined {
  return ifPresent(() => new NftSocket());
}

/** Watches the kernel's nftables, see {@link RuleWatch}; undefined when it has none. */
export function watchRules(
  look: (changed: boolean) => Promise<void>,
): RuleWatch | undefined {
  return ifPresent(() => new RuleWatch(look));
}

function ifPresent<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof SysError && error.code === "EPROTONOSUPPORT") return undefined;
    throw error;
  }
}

/** One of the kernel's chains of IPv4, or undefined. */
export function findChain(
  chains: readonly NftChain[],
  table: string,
  name: string,
): NftChain | undefined {
  return chains.find((chain) =>
    chain.family === NFPROTO_IPV4 && chain.table === table && chain.name === name
  );
}

/** Whether the table is there, for this very subnet and these neighbours, with all its rules. */
export function hasTable(
  chains: readonly NftChain[],
  subnet: Cidr,
  neighbours: readonly string[],
): boolean {
  const apart = chains.filter(({ table, name, use }) =>
    table === TABLE && name.startsWith(APART) && use === 1
  ).map(({ name }) => name).sort();
  return usesOf(chains, chainOf(subnet)) === 1 && usesOf(chains, FORWARD) >= FOR_CONTAINERS &&
    usesOf(chains, PROBE) === 1 && `${apart}` === `${neighbours.map((name) => APART + name)}`;
}

/** Whether the table, for whatever subnet, says of interfaces that they forward for containers only. */
export function hasUnrouted(chains: readonly NftChain[]): boolean {
  return usesOf(chains, FORWARD) > FOR_CONTAINERS;
}

/** How many of the rules of {@link FORWARD} are there in any case. */
const FOR_CONTAINERS = 2;

function usesOf(chains: readonly NftChain[], chain: string): number {
  return findChain(chains, TABLE, chain)?.use ?? 0;
}

/**
 * Makes the table anew, in one transaction: masquerading of what leaves the subnet by another interface, no
 * forwarding of packets that only pretend to come from the subnet, and none of what others begin with a container:
 * since the host forwards, whoever is in one of its networks could reach what listens in there. What is led there
 * by a rule of the host's own (dnat) passes. Nor does a container begin anything with those at other bridges.
 *
 * @param neighbours the bridges of others for containers and virtual machines.
 * @param unrouted interfaces that forward for containers only: what is begun by one of them passes to no other one.
 * Interfaces that others make later are theirs to guard, and not impeded.
 * @throws {SysError} when the kernel refuses, for want of nftables or of one of the kinds of rules.
 */
export function makeTable(
  nftables: NftSocket,
  subnet: Cidr,
  neighbours: readonly string[],
  unrouted: readonly string[],
): void {
  const chain = chainOf(subnet);
  nftables.transact([
    // Deleting fails where there is none.
    newTable(NFPROTO_IPV4, TABLE),
    delTable(NFPROTO_IPV4, TABLE),
    newTable(NFPROTO_IPV4, TABLE),
    newChain(NFPROTO_IPV4, TABLE, chain, {
      type: "nat",
      hook: NF_INET_POST_ROUTING,
      priority: NF_IP_PRI_NAT_SRC,
      policy: NF_ACCEPT,
    }),
    newRule(NFPROTO_IPV4, TABLE, chain, [
      ...source(NFT_CMP_EQ, subnet),
      ...bridge(NFT_META_OIFNAME, NFT_CMP_NEQ),
      masq(),
    ]),
    newChain(NFPROTO_IPV4, TABLE, PROBE, filter(NF_INET_POST_ROUTING)),
    newRule(NFPROTO_IPV4, TABLE, PROBE, [
      ...probed(subnet, 1),
      counter(),
      immediate(NF_DROP),
    ]),
    ...neighbours.flatMap((name) => [
      newChain(NFPROTO_IPV4, TABLE, APART + name, filter(NF_INET_FORWARD)),
      newRule(NFPROTO_IPV4, TABLE, APART + name, [
        ...bridge(NFT_META_IIFNAME, NFT_CMP_EQ),
        ...device(NFT_META_OIFNAME, NFT_CMP_EQ, name),
        ...isBegun(),
        immediate(NF_DROP),
      ]),
    ]),
    newChain(NFPROTO_IPV4, TABLE, FORWARD, filter(NF_INET_FORWARD)),
    newRule(NFPROTO_IPV4, TABLE, FORWARD, [
      ...bridge(NFT_META_IIFNAME, NFT_CMP_EQ),
      ...source(NFT_CMP_NEQ, subnet),
      immediate(NF_DROP),
    ]),
    newRule(NFPROTO_IPV4, TABLE, FORWARD, [
      ...bridge(NFT_META_IIFNAME, NFT_CMP_NEQ),
      ...bridge(NFT_META_OIFNAME, NFT_CMP_EQ),
      ...isBegun(),
      immediate(NF_DROP),
    ]),
    ...unrouted.map((name) =>
      newRule(NFPROTO_IPV4, TABLE, FORWARD, [
        ...device(NFT_META_IIFNAME, NFT_CMP_EQ, name),
        // What a bridge passes on from port to port comes by here too, where br_netfilter is loaded.
        ...device(NFT_META_OIFNAME, NFT_CMP_NEQ, name),
        ...bridge(NFT_META_OIFNAME, NFT_CMP_NEQ),
        ...isBegun(),
        immediate(NF_DROP),
      ])
    ),
  ]);
}

/** Priorities of hooks, linux/netfilter_ipv4.h. */
const NF_IP_PRI_FILTER = 0;
const NF_IP_PRI_NAT_SRC = 100;

function filter(hook: number): BaseChain {
  return { type: "filter", hook, priority: NF_IP_PRI_FILTER, policy: NF_ACCEPT };
}

/** `ip saddr SUBNET` */
function source(op: number, { address, prefix }: Cidr): NftExpression[] {
  const SOURCE = 12, LENGTH = 4;
  return [
    payload(NFT_PAYLOAD_NETWORK_HEADER, SOURCE, LENGTH),
    bitwise(toBe32(netmaskOf({ prefix }))),
    cmp(op, toBe32(address)),
  ];
}

/** `ip saddr SUBNET ip daddr 198.51.100.1 ip ttl HOPS`: what only tries whether it passes (way_out.ts). */
export function probed(subnet: Cidr, hops: number): NftExpression[] {
  const TIME_TO_LIVE = 8, DESTINATION = 16;
  return [
    ...source(NFT_CMP_EQ, subnet),
    payload(NFT_PAYLOAD_NETWORK_HEADER, DESTINATION, 4),
    cmp(NFT_CMP_EQ, toBe32(PROBED)),
    payload(NFT_PAYLOAD_NETWORK_HEADER, TIME_TO_LIVE, 1),
    cmp(NFT_CMP_EQ, Uint8Array.of(hops)),
  ];
}

/** `iifname BRIDGE`, `oifname BRIDGE` */
function bridge(key: number, op: number): NftExpression[] {
  return device(key, op, BRIDGE);
}

/** `iifname NAME`, `oifname NAME` */
function device(key: number, op: number, name: string): NftExpression[] {
  return [meta(key), cmp(op, interfaceName(name))];
}

/** `ct state ! established,related ct status ! dnat`: it begins a connection, and no rule of the host's leads it there. */
function isBegun(): NftExpression[] {
  return [
    ...isNone(NFT_CT_STATE, CT_ESTABLISHED | CT_RELATED),
    ...isNone(NFT_CT_STATUS, IPS_DST_NAT),
  ];
}

/** `ct KEY ! FLAGS`: none of the flags is set. */
function isNone(key: number, flags: number): NftExpression[] {
  return [
    ct(key),
    bitwise(new Uint8Array(Uint32Array.of(flags).buffer)),
    cmp(NFT_CMP_EQ, new Uint8Array(4)),
  ];
}

/** The subnet stands in a chain's name, so that one question to the kernel tells this table from another subnet's. */
function chainOf(subnet: Cidr): string {
  return `from-${formatCidr(subnet)}`;
}
