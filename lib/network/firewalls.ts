import {
  NFPROTO_INET,
  NFPROTO_IPV4,
  type NftChain,
  type NftRule,
  type NftSocket,
} from "../../ffi/nfnetlink.ts";
import { warn } from "../trace.ts";
import { BRIDGE } from "./bridge.ts";
import { TABLE } from "./nftables.ts";

/**
 * Tells of chains of others that keep containers from the outside. What one of them refuses cannot be overruled from
 * another table: only its owner can let it pass. A table with rules that name the bridge was made with it in mind.
 */
export function warnOfFirewalls(nftables: NftSocket): void {
  const forward = nftables.chains()
    .filter((chain) => chain.forward && chain.family in FAMILIES && chain.table !== TABLE);
  for (const chain of forward) {
    const { family, table, name, drops } = chain;
    // For a policy of iptables' there is a chain of our own (iptables.ts).
    const refuses = nftables.rules(family, table, name).at(-1)?.refusesAll ||
      drops && !isOfIptables(chain);
    if (refuses && !nftables.rules(family, table).some(namesBridge)) warn(warning(chain));
  }
}

const FAMILIES: Readonly<Record<number, string>> = { [NFPROTO_INET]: "inet", [NFPROTO_IPV4]: "ip" };

function isOfIptables({ table, name }: NftChain): boolean {
  return table === "filter" && name === "FORWARD";
}

function namesBridge({ bytes }: NftRule): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(`${BRIDGE}\0`);
}

function warning(chain: NftChain): string {
  const { family, table, name } = chain;
  if (table === "firewalld") {
    return "where firewalld keeps containers from the outside, let them pass with: " +
      `firewall-cmd --permanent --zone=trusted --add-interface=${BRIDGE}; firewall-cmd --reload`;
  }
  const words = `${FAMILIES[family]} ${table} ${name}`;
  const [out, back] = isOfIptables(chain)
    ? [
      `iptables -I ${name} -i ${BRIDGE} -j ACCEPT`,
      `iptables -I ${name} -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ]
    : [
      `nft insert rule ${words} iifname ${BRIDGE} accept`,
      `nft insert rule ${words} oifname ${BRIDGE} ct state established,related accept`,
    ];
  return `the nftables chain "${words}" refuses forwarded packets, also those of containers; ` +
    `let them pass with: ${out}; ${back}`;
}
