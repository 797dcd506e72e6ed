import { newChain, newRule } from "../../ffi/nf_tables.ts";
import {
  decodeTrace,
  newTableOfSocket,
  NFNLGRP_NFTRACE,
  type NftTrace,
  setTrace,
} from "../../ffi/nf_trace.ts";
import {
  NF_ACCEPT,
  NF_INET_PRE_ROUTING,
  NFPROTO_INET,
  NFPROTO_IPV4,
  type NftRule,
  NftSocket,
} from "../../ffi/nfnetlink.ts";
import { NETLINK_NETFILTER, type NetlinkRequest, NetlinkSocket } from "../../ffi/netlink.ts";
import { poll } from "../../ffi/poll.ts";
import { SysError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { warn } from "../trace.ts";
import { BRIDGE, PROBED } from "./bridge.ts";
import { type Cidr, formatAddress, networkOf } from "./cidr.ts";
import { ACCEPT_CHAIN, findIptables, hasLegacyTable } from "./iptables.ts";
import { probed, TABLE } from "./nftables.ts";
import type { WayOut } from "./way_out.ts";

/**
 * Warns of who keeps a container from the outside, with what to do. What a firewall refuses cannot be overruled from
 * another table: only its owner can let it pass. One with rules that name the bridge, or its subnet, was made with it
 * in mind.
 */
export function warnOfRefusal(way: WayOut): void {
  try {
    const refusal = refusalOf(way);
    if (refusal !== undefined) warn(refusal);
  } catch (error) {
    // The container runs: nothing of this is worth its end.
    if (!(error instanceof SysError)) throw error;
    warn(`packets of containers do not reach the outside, and why is not known: ${error.message}`);
  }
}

/** @returns who it is, and what to do, in words; undefined where packets pass, or are refused on purpose. */
function refusalOf(way: WayOut): string | undefined {
  const end = endOf(way);
  if (end === undefined) return ofOthers(way.container);
  return end.table === TABLE ? undefined : ofNftables(end, networkOf(way.container));
}

/**
 * Tries once more, and has the kernel tell the way.
 *
 * @returns the base chain in which it ends, which may be our own: then it has passed; undefined when it ends elsewhere.
 */
function endOf(way: WayOut): NftTrace | undefined {
  using tracer = new NftSocket();
  using listener = new NetlinkSocket(NETLINK_NETFILTER);
  listener.join(NFNLGRP_NFTRACE);
  tracer.transact(tracingOf(way.container));
  way.send();
  let base: NftTrace | undefined;
  // An ARP request that was lost is sent again after a second.
  for (const time of [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512]) {
    poll([], time);
    for (const event of listener.heard().map(decodeTrace)) {
      // Of each base chain the first event is told with the packet's header.
      if (event?.source === way.container.address && event.destination === PROBED) base = event;
      if (base !== undefined && event?.id === base.id && event.dropped) return base;
    }
  }
  return undefined;
}

/** Has the kernel tell of the packet's way, as long as the socket is open. */
function tracingOf({ address }: Cidr): NetlinkRequest[] {
  // Several containers may ask at the same time.
  const table = `${TABLE}-trace-${Deno.pid}`, chain = "prerouting", NF_IP_PRI_RAW = -300;
  return [
    newTableOfSocket(NFPROTO_IPV4, table),
    newChain(NFPROTO_IPV4, table, chain, {
      type: "filter",
      hook: NF_INET_PRE_ROUTING,
      priority: NF_IP_PRI_RAW,
      policy: NF_ACCEPT,
    }),
    newRule(NFPROTO_IPV4, table, chain, [...probed({ address, prefix: 32 }, 2), ...setTrace()]),
  ];
}

const FAMILIES: Readonly<Record<number, string>> = { [NFPROTO_INET]: "inet", [NFPROTO_IPV4]: "ip" };

function ofNftables(
  { family, table, chain }: NftTrace,
  subnet: Cidr,
): string | undefined {
  using nftables = new NftSocket();
  const rules = nftables.rules(family, table);
  const manager = managerOf(rules.map(({ chain }) => chain));
  // It names each interface that it knows, whatever it does with it.
  const isMeant = (rule: NftRule) =>
    rule.chain !== ACCEPT_CHAIN && (names(rule, BRIDGE) || hasAddress(rule, subnet));
  if (manager !== FIREWALLD && rules.some(isMeant)) return undefined;
  if (manager !== undefined) return refusal(manager.name, manager.commands);
  const words = `${FAMILIES[family]} ${table} ${chain}`;
  const commands = table === "filter" && chain === "FORWARD" ? acceptedByIptables("iptables") : [
    `nft insert rule ${words} iifname ${BRIDGE} accept`,
    `nft insert rule ${words} oifname ${BRIDGE} ct state established,related accept`,
  ];
  return refusal(`the nftables chain "${words}"`, commands);
}

/** The older rules of iptables tell nobody what they do. Where they refuse nothing, the loss has another reason. */
function ofOthers(container: Cidr): string | undefined {
  const legacy = legacyRules();
  if (legacy === undefined || !legacy.rules.some((rule) => REFUSING.test(rule))) {
    const [from, to] = [container, { address: PROBED }].map(formatAddress);
    return "packets of containers to the outside are lost on this host, in none of its nftables chains " +
      `(see "ip route get ${to} from ${from} iif ${BRIDGE}" and "nstat -az")`;
  }
  const { program, rules } = legacy;
  const isOfOthers = (rule: string) => !rule.startsWith(`-A ${ACCEPT_CHAIN} `);
  if (rules.filter(isOfOthers).some((rule) => rule.includes(` ${BRIDGE} `))) return undefined;
  const manager = managerOf(rules.map((rule) => rule.split(" ")[1] ?? ""));
  return manager === undefined
    ? refusal(`the chain FORWARD of ${program}`, acceptedByIptables(program))
    : refusal(manager.name, manager.commands);
}

/** All rules of the older kind in the table `filter`, as `iptables -S` prints them; undefined when there is no such table. */
function legacyRules(): { program: string; rules: readonly string[] } | undefined {
  const program = hasLegacyTable("filter") ? findIptables("legacy") : undefined;
  return program === undefined
    ? undefined
    : { program, rules: runProgram(program, ["-w", "-S"]).stdout.split("\n") };
}

/** The commands by which the owner of a chain FORWARD lets those of containers pass. */
function acceptedByIptables(program: string): [out: string, back: string] {
  return [
    `${program} -I FORWARD -i ${BRIDGE} -j ACCEPT`,
    `${program} -I FORWARD -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

/** Who writes a firewall's rules itself, so that what others add is gone with its next reload. */
interface Manager {
  readonly name: string;
  /** What lets containers pass. */
  readonly commands: readonly string[];
}

const FIREWALLD: Manager = {
  name: "firewalld",
  commands: [
    `firewall-cmd --permanent --zone=trusted --change-interface=${BRIDGE}`,
    "firewall-cmd --reload",
  ],
};
const UFW: Manager = { name: "ufw", commands: [`ufw route prepend allow in on ${BRIDGE}`] };

/** @param chains the names of a table's chains. */
function managerOf(chains: readonly string[]): Manager | undefined {
  if (chains.some((name) => /^(filter_)?FORWARD_(IN_)?(ZONES|POLICIES)/.test(name))) {
    return FIREWALLD;
  }
  return chains.includes("ufw-before-forward") ? UFW : undefined;
}

/** What can keep packets that pass through from doing so, as `iptables -S` has it. */
const REFUSING = /^-P FORWARD DROP$|^-A (?!INPUT|OUTPUT).* -j (DROP|REJECT)\b/;

function refusal(who: string, commands: readonly string[]): string {
  return `${who} refuses forwarded packets, also those of containers; ` +
    `let them pass with: ${commands.join("; ")}`;
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
