import {
  NFPROTO_INET,
  NFPROTO_IPV4,
  type NftChain,
  type NftRule,
  type NftSocket,
} from "../../ffi/nfnetlink.ts";
import { warn } from "../trace.ts";
import { BRIDGE } from "./bridge.ts";
import type { Cidr } from "./cidr.ts";
import { ACCEPT_CHAIN, acceptedByIptables } from "./iptables.ts";
import { TABLE } from "./nftables.ts";

/**
 * Tells of chains of others that keep containers from the outside. What one of them refuses cannot be overruled from
 * another table: only its owner can let it pass. A table with rules that name the bridge, or its subnet, was made with
 * it in mind.
 *
 * @param chains all that there are.
 */
export function warnOfFirewalls(
  nftables: NftSocket,
  chains: readonly NftChain[],
  subnet: Cidr,
): void {
  const forward = chains
    .filter((chain) => chain.forward && chain.family in FAMILIES && chain.table !== TABLE);
  for (const chain of forward) {
    const { family, table, name, drops } = chain;
    // For a policy of iptables' there is a chain of our own (iptables.ts).
    const refuses = drops && !isOfIptables(chain) ||
      nftables.rules(family, table, name).some(({ refusesAll }) => refusesAll);
    if (!refuses) continue;
    const isMeant = (rule: NftRule) =>
      rule.chain !== ACCEPT_CHAIN && (names(rule, BRIDGE) || hasAddress(rule, subnet));
    if (!nftables.rules(family, table).some(isMeant)) warn(warning(chain));
  }
}

const FAMILIES: Readonly<Record<number, string>> = { [NFPROTO_INET]: "inet", [NFPROTO_IPV4]: "ip" };

function isOfIptables({ table, name }: NftChain): boolean {
  return table === "filter" && name === "FORWARD";
}

function names({ bytes }: NftRule, name: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(`${name}\0`);
}

function hasAddress({ bytes }: NftRule, { address }: Cidr): boolean {
  // Of a prefix of whole bytes nft(8) compares these alone; the attribute is filled up with zeros.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    if (view.getUint32(at, false) === address) return true;
  }
  return false;
}

function warning(chain: NftChain): string {
  const { family, table, name } = chain;
  if (table === "firewalld") {
    return "where firewalld keeps containers from the outside, let them pass with: " +
      `firewall-cmd --permanent --zone=trusted --add-interface=${BRIDGE}; firewall-cmd --reload`;
  }
  const words = `${FAMILIES[family]} ${table} ${name}`;
  const [out, back] = isOfIptables(chain) ? acceptedByIptables("iptables") : [
    `nft insert rule ${words} iifname ${BRIDGE} accept`,
    `nft insert rule ${words} oifname ${BRIDGE} ct state established,related accept`,
  ];
  return `the nftables chain "${words}" refuses forwarded packets, also those of containers; ` +
    `let them pass with: ${out}; ${back}`;
}
