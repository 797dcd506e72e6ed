/** Changes of the kernel's nftables, for a transaction of NftSocket. linux/netfilter/nf_tables.h. */

import { cstring } from "./cstring.ts";
import {
  attribute,
  nested,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  toBe32,
} from "./netlink.ts";
import {
  nfgenmsg,
  NFNL_SUBSYS_NFTABLES,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_HOOK_HOOKNUM,
  NFTA_IMMEDIATE_DATA,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_VERDICT_CODE,
} from "./nfnetlink.ts";

/** What `meta` loads: the name of the interface that a packet came in or goes out by. */
export const NFT_META_IIFNAME = 6;
export const NFT_META_OIFNAME = 7;

/** What `ct` loads: how a packet belongs to a connection, and what has become of that. */
export const NFT_CT_STATE = 0;
export const NFT_CT_STATUS = 2;

/** NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED, linux/netfilter/nf_conntrack_common.h. */
export const CT_ESTABLISHED = 2;
export const CT_RELATED = 4;

/** Of a connection's status: where it leads to has been changed. */
export const IPS_DST_NAT = 0x20;

/** What `payload` counts from: the IP header. */
export const NFT_PAYLOAD_NETWORK_HEADER = 1;

/** What `cmp` asks for. */
export const NFT_CMP_EQ = 0;
export const NFT_CMP_NEQ = 1;

/** The registers of a rule: that of its verdict, and the first one for values. */
const NFT_REG_VERDICT = toBe32(0);
export const NFT_REG_1 = toBe32(1);

export const NFTA_TABLE_NAME = 1;

/** NFT_MSG_NEWTABLE: a table; one that is there stays as it is. */
export function newTable(family: number, table: string): NetlinkRequest {
  const NFT_MSG_NEWTABLE = 0;
  return change(`NFT_MSG_NEWTABLE "${table}"`, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, [
    attribute(NFTA_TABLE_NAME, cstring(table)),
  ]);
}

/** NFT_MSG_DELTABLE: no such table any more, with all that is in it. */
export function delTable(family: number, table: string): NetlinkRequest {
  const NFT_MSG_DELTABLE = 2;
  return change(`NFT_MSG_DELTABLE "${table}"`, NFT_MSG_DELTABLE, 0, family, [
    attribute(NFTA_TABLE_NAME, cstring(table)),
  ]);
}

/** Where a base chain hangs, and what becomes of packets that none of its rules takes. nft(8). */
export interface BaseChain {
  readonly type: "filter" | "nat";
  /** NF_INET_*. */
  readonly hook: number;
  /** The chains of a hook are asked in this order, from the lowest on. */
  readonly priority: number;
  /** NF_ACCEPT or NF_DROP. */
  readonly policy: number;
}

/** NFT_MSG_NEWCHAIN: a base chain. */
export function newChain(
  family: number,
  table: string,
  name: string,
  { type, hook, priority, policy }: BaseChain,
): NetlinkRequest {
  const NFT_MSG_NEWCHAIN = 3, NFTA_CHAIN_TYPE = 7, NFTA_HOOK_PRIORITY = 2;
  return change(`NFT_MSG_NEWCHAIN "${table} ${name}"`, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family, [
    attribute(NFTA_CHAIN_TABLE, cstring(table)),
    attribute(NFTA_CHAIN_NAME, cstring(name)),
    nested(
      NFTA_CHAIN_HOOK,
      attribute(NFTA_HOOK_HOOKNUM, toBe32(hook)),
      attribute(NFTA_HOOK_PRIORITY, toBe32(priority)),
    ),
    attribute(NFTA_CHAIN_POLICY, toBe32(policy)),
    attribute(NFTA_CHAIN_TYPE, cstring(type)),
  ]);
}

/** One step of a rule, which ends there for a packet that a `cmp` does not find as it asks. */
export type NftExpression = Uint8Array;

/** NFT_MSG_NEWRULE: a rule behind those that the chain has. */
export function newRule(
  family: number,
  table: string,
  chain: string,
  expressions: readonly NftExpression[],
): NetlinkRequest {
  const NFT_MSG_NEWRULE = 6;
  const flags = NLM_F_CREATE | NLM_F_APPEND;
  return change(`NFT_MSG_NEWRULE "${table} ${chain}"`, NFT_MSG_NEWRULE, flags, family, [
    attribute(NFTA_RULE_TABLE, cstring(table)),
    attribute(NFTA_RULE_CHAIN, cstring(chain)),
    nested(NFTA_RULE_EXPRESSIONS, ...expressions),
  ]);
}

/** `meta`: loads what the kernel knows of a packet, NFT_META_*. */
export function meta(key: number): NftExpression {
  const NFTA_META_DREG = 1, NFTA_META_KEY = 2;
  return expression(
    "meta",
    attribute(NFTA_META_DREG, NFT_REG_1),
    attribute(NFTA_META_KEY, toBe32(key)),
  );
}

/** `ct`: loads what the kernel knows of a packet's connection, NFT_CT_*, in the machine's order. */
export function ct(key: number): NftExpression {
  const NFTA_CT_DREG = 1, NFTA_CT_KEY = 2;
  return expression(
    "ct",
    attribute(NFTA_CT_DREG, NFT_REG_1),
    attribute(NFTA_CT_KEY, toBe32(key)),
  );
}

/** `payload`: loads bytes of a packet, `offset` of them after `base`. */
export function payload(base: number, offset: number, length: number): NftExpression {
  const NFTA_PAYLOAD_DREG = 1, NFTA_PAYLOAD_BASE = 2, NFTA_PAYLOAD_OFFSET = 3, NFTA_PAYLOAD_LEN = 4;
  return expression(
    "payload",
    attribute(NFTA_PAYLOAD_DREG, NFT_REG_1),
    attribute(NFTA_PAYLOAD_BASE, toBe32(base)),
    attribute(NFTA_PAYLOAD_OFFSET, toBe32(offset)),
    attribute(NFTA_PAYLOAD_LEN, toBe32(length)),
  );
}

/** `bitwise`: leaves of what is loaded only the bits of `mask`. */
export function bitwise(mask: Uint8Array): NftExpression {
  const NFTA_BITWISE_SREG = 1, NFTA_BITWISE_DREG = 2, NFTA_BITWISE_LEN = 3;
  const NFTA_BITWISE_MASK = 4, NFTA_BITWISE_XOR = 5;
  return expression(
    "bitwise",
    attribute(NFTA_BITWISE_SREG, NFT_REG_1),
    attribute(NFTA_BITWISE_DREG, NFT_REG_1),
    attribute(NFTA_BITWISE_LEN, toBe32(mask.length)),
    nested(NFTA_BITWISE_MASK, attribute(NFTA_DATA_VALUE, mask)),
    nested(NFTA_BITWISE_XOR, attribute(NFTA_DATA_VALUE, new Uint8Array(mask.length))),
  );
}

/** `cmp`: compares what is loaded, NFT_CMP_*. */
export function cmp(op: number, value: Uint8Array): NftExpression {
  const NFTA_CMP_SREG = 1, NFTA_CMP_OP = 2, NFTA_CMP_DATA = 3;
  return expression(
    "cmp",
    attribute(NFTA_CMP_SREG, NFT_REG_1),
    attribute(NFTA_CMP_OP, toBe32(op)),
    nested(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, value)),
  );
}

/** `counter`: counts the packets that come as far. */
export function counter(): NftExpression {
  return expression("counter");
}

/** `masq`: the packet leaves under the address of the interface that it leaves by. */
export function masq(): NftExpression {
  return expression("masq");
}

/** `immediate`: the verdict, NF_ACCEPT or NF_DROP. */
export function immediate(verdict: number): NftExpression {
  return expression(
    "immediate",
    attribute(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),
    nested(
      NFTA_IMMEDIATE_DATA,
      nested(NFTA_DATA_VERDICT, attribute(NFTA_VERDICT_CODE, toBe32(verdict))),
    ),
  );
}

/** An interface's name as `meta` loads it. */
export function interfaceName(name: string): Uint8Array {
  const IFNAMSIZ = 16;
  const bytes = new Uint8Array(IFNAMSIZ);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

export const NFTA_DATA_VALUE = 1;
export const NFTA_IMMEDIATE_DREG = 1;

/** A step by its name and attributes. */
export function expression(name: string, ...data: Uint8Array[]): NftExpression {
  const NFTA_LIST_ELEM = 1;
  return nested(
    NFTA_LIST_ELEM,
    attribute(NFTA_EXPR_NAME, cstring(name)),
    nested(NFTA_EXPR_DATA, ...data),
  );
}

/** A message of a transaction. */
export function change(
  what: string,
  message: number,
  flags: number,
  family: number,
  attributes: readonly Uint8Array[],
): NetlinkRequest {
  return {
    what,
    type: (NFNL_SUBSYS_NFTABLES << 8) | message,
    flags: flags | NLM_F_ACK,
    parts: [nfgenmsg.encode({ nfgen_family: family }), ...attributes],
  };
}
