/** What becomes of a packet on its way through the kernel's nftables, as `nft monitor trace` tells it. */

import { cstring, fromCString } from "./cstring.ts";
import {
  attribute,
  attributes,
  be32,
  nested,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  toBe32,
} from "./netlink.ts";
import {
  change,
  expression,
  NFT_REG_1,
  NFTA_DATA_VALUE,
  NFTA_IMMEDIATE_DREG,
  NFTA_TABLE_NAME,
  type NftExpression,
} from "./nf_tables.ts";
import {
  NF_DROP,
  nfgenmsg,
  NFNL_SUBSYS_NFTABLES,
  NFTA_IMMEDIATE_DATA,
  NFTA_VERDICT_CODE,
} from "./nfnetlink.ts";
import { alloc } from "./struct.ts";

/** The group that is told it, linux/netfilter/nfnetlink.h. */
export const NFNLGRP_NFTRACE = 9;

/** A chain that a packet has come to on its way, as `nft monitor trace` tells it. */
export interface NftTrace {
  readonly family: number;
  readonly table: string;
  readonly chain: string;
  /** The packet's own number. */
  readonly id: number;
  /** Where its IP header is told, which is so for the first one of a hook: the addresses, in host order. */
  readonly source: number | undefined;
  readonly destination: number | undefined;
  /** Whether it goes no further. */
  readonly dropped: boolean;
}

/** NFT_MSG_TRACE, as the group NFNLGRP_NFTRACE gets it; undefined for anything else. */
export function decodeTrace({ type, payload }: NetlinkMessage): NftTrace | undefined {
  const NFT_MSG_TRACE = (NFNL_SUBSYS_NFTABLES << 8) | 17;
  const NFTA_TRACE_TABLE = 1, NFTA_TRACE_CHAIN = 2, NFTA_TRACE_VERDICT = 5, NFTA_TRACE_ID = 6;
  const NFTA_TRACE_NETWORK_HEADER = 8, NFTA_TRACE_POLICY = 16;
  const IP_SOURCE = 12, IP_DESTINATION = 16;
  if (type !== NFT_MSG_TRACE) return undefined;
  const found = attributes(payload, nfgenmsg.size);
  const header = found.get(NFTA_TRACE_NETWORK_HEADER);
  const verdict = attributes(found.get(NFTA_TRACE_VERDICT) ?? alloc(0)).get(NFTA_VERDICT_CODE);
  return {
    family: nfgenmsg.get(payload, "nfgen_family"),
    table: fromCString(found.get(NFTA_TRACE_TABLE) ?? alloc(0)),
    chain: fromCString(found.get(NFTA_TRACE_CHAIN) ?? alloc(0)),
    id: be32(found.get(NFTA_TRACE_ID)) ?? 0,
    source: be32(header?.subarray(IP_SOURCE)),
    destination: be32(header?.subarray(IP_DESTINATION)),
    dropped: be32(verdict ?? found.get(NFTA_TRACE_POLICY)) === NF_DROP,
  };
}

/** NFT_MSG_NEWTABLE: a table that goes with the socket by which it was made. */
export function newTableOfSocket(family: number, table: string): NetlinkRequest {
  const NFT_MSG_NEWTABLE = 0, NFTA_TABLE_FLAGS = 2, NFT_TABLE_F_OWNER = 2;
  return change(`NFT_MSG_NEWTABLE "${table}"`, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, [
    attribute(NFTA_TABLE_NAME, cstring(table)),
    attribute(NFTA_TABLE_FLAGS, toBe32(NFT_TABLE_F_OWNER)),
  ]);
}

/** `meta nftrace set 1`: has the kernel tell all that becomes of a packet. */
export function setTrace(): NftExpression[] {
  const NFTA_META_KEY = 2, NFTA_META_SREG = 3, NFT_META_NFTRACE = 12;
  return [
    expression(
      "immediate",
      attribute(NFTA_IMMEDIATE_DREG, NFT_REG_1),
      nested(NFTA_IMMEDIATE_DATA, attribute(NFTA_DATA_VALUE, Uint8Array.of(1))),
    ),
    expression(
      "meta",
      attribute(NFTA_META_KEY, toBe32(NFT_META_NFTRACE)),
      attribute(NFTA_META_SREG, NFT_REG_1),
    ),
  ];
}
