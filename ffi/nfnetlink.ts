import { cstring, fromCString } from "./cstring.ts";
import { errnoName, SysError } from "./errno.ts";
import {
  attribute,
  attributes,
  be32,
  NETLINK_NETFILTER,
  type NetlinkRequest,
  NetlinkSocket,
  NLM_F_DUMP,
} from "./netlink.ts";
import { alloc, struct } from "./struct.ts";

/** struct nfgenmsg, linux/netfilter/nfnetlink.h. */
export const nfgenmsg = struct("nfgenmsg", 4, {
  nfgen_family: [0, "u8"],
  version: [1, "u8"],
  res_id: [2, "u16"],
});

/** The families of tables, linux/netfilter.h. */
export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;

/** Where packets come by, linux/netfilter.h. */
export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_FORWARD = 2;
export const NF_INET_POST_ROUTING = 4;

/** What becomes of a packet, linux/netfilter.h. */
export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** Which part of netfilter a message is for stands in the upper half of its type. */
export const NFNL_SUBSYS_NFTABLES = 10;

/** Questions, linux/netfilter/nf_tables.h. */
export const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4;
const NFT_MSG_GETRULE = (NFNL_SUBSYS_NFTABLES << 8) | 7;
/** Attributes of chains, linux/netfilter/nf_tables.h. */
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
export const NFTA_HOOK_HOOKNUM = 1;
export const NFTA_CHAIN_USE = 6;
/** Attributes of rules and of what they consist of. */
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;
export const NFTA_IMMEDIATE_DATA = 2;
export const NFTA_DATA_VERDICT = 2;
export const NFTA_VERDICT_CODE = 1;

/** A chain of nftables, linux/netfilter/nf_tables.h. */
export interface NftChain {
  readonly family: number;
  readonly table: string;
  readonly name: string;
  /** Whether packets passing through the host start here. */
  readonly forward: boolean;
  /** Whether a base chain drops what none of its rules takes. */
  readonly drops: boolean;
  /** How many rules it has, plus how many rules jump to it. */
  readonly use: number;
}

/** A rule of nftables, linux/netfilter/nf_tables.h. */
export interface NftRule {
  /** The name of the chain that it is in. */
  readonly chain: string;
  /** All that it says, names of interfaces and what it has counted as they are. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The group that is told of changes, linux/netfilter/nfnetlink.h. */
export const NFNLGRP_NFTABLES = 7;

/** Messages around those of a transaction, linux/netfilter/nfnetlink.h. */
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

/** The kernel's nftables in the network namespace of the calling thread. */
export class NftSocket implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** NFT_MSG_GETCHAIN: all chains of all families. */
  chains(): NftChain[] {
    return this.#ask("NFT_MSG_GETCHAIN", NFT_MSG_GETCHAIN, NLM_F_DUMP, 0).map(decodeChain);
  }

  /** NFT_MSG_GETRULE: the rules of a chain in their order, or without one all those of a table. */
  rules(family: number, table: string, chain?: string): NftRule[] {
    return this.#ask(
      `NFT_MSG_GETRULE "${table}"`,
      NFT_MSG_GETRULE,
      NLM_F_DUMP,
      family,
      attribute(NFTA_RULE_TABLE, cstring(table)),
      ...chain === undefined ? [] : [attribute(NFTA_RULE_CHAIN, cstring(chain))],
    ).map(decodeRule);
  }

  /**
   * Makes changes (nf_tables.ts), all of them or none.
   *
   * @throws {SysError} what the kernel says of the first that it refuses; EOPNOTSUPP when it has no nftables.
   */
  transact(changes: readonly NetlinkRequest[]): void {
    // In network order.
    const header = nfgenmsg.encode({ res_id: NFNL_SUBSYS_NFTABLES << 8 });
    const edge = (what: string, type: number) => ({ what, type, flags: 0, parts: [header] });
    this.#socket.transact([
      edge("NFNL_MSG_BATCH_BEGIN", NFNL_MSG_BATCH_BEGIN),
      ...changes,
      edge("NFNL_MSG_BATCH_END", NFNL_MSG_BATCH_END),
    ]);
  }

  #ask(
    what: string,
    type: number,
    flags: number,
    family: number,
    ...parts: Uint8Array[]
  ): Uint8Array<ArrayBuffer>[] {
    const header = nfgenmsg.encode({ nfgen_family: family });
    const { errno, answers } = this.#socket.tryRequest(what, type, flags, [header, ...parts]);
    // EINVAL and EOPNOTSUPP: the kernel has netfilter, but no nftables or not this family.
    const absent = ["ENOENT", "EINVAL", "EOPNOTSUPP", "EAFNOSUPPORT"];
    if (errno !== 0 && !absent.includes(errnoName(errno))) {
      throw new SysError("netlink", errno, what);
    }
    return answers.map(({ payload }) => payload);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function decodeChain(payload: Uint8Array<ArrayBuffer>): NftChain {
  const found = attributes(payload, nfgenmsg.size);
  const hook = attributes(found.get(NFTA_CHAIN_HOOK) ?? alloc(0));
  return {
    family: nfgenmsg.get(payload, "nfgen_family"),
    table: fromCString(found.get(NFTA_CHAIN_TABLE) ?? alloc(0)),
    name: fromCString(found.get(NFTA_CHAIN_NAME) ?? alloc(0)),
    forward: be32(hook.get(NFTA_HOOK_HOOKNUM)) === NF_INET_FORWARD,
    drops: be32(found.get(NFTA_CHAIN_POLICY)) === NF_DROP,
    use: be32(found.get(NFTA_CHAIN_USE)) ?? 0,
  };
}

function decodeRule(payload: Uint8Array<ArrayBuffer>): NftRule {
  const found = attributes(payload, nfgenmsg.size);
  return {
    chain: fromCString(found.get(NFTA_RULE_CHAIN) ?? alloc(0)),
    // Without the generation of all rules, which stands in its header.
    bytes: payload.subarray(nfgenmsg.size),
  };
}
