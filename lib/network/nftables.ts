import { SysError } from "../../ffi/errno.ts";
import { NFPROTO_IPV4, NftSocket } from "../../ffi/nfnetlink.ts";
import { BRIDGE } from "./bridge.ts";
import { runTold } from "../program.ts";

/** The one table that is gocontainer's; rules of others are not touched. */
const TABLE = "gocontainer";

/** A connection to the kernel's nftables, or undefined when the kernel has none. */
export function openNftables(): NftSocket | undefined {
  try {
    return new NftSocket();
  } catch (error) {
    if (error instanceof SysError && error.code === "EPROTONOSUPPORT") return undefined;
    throw error;
  }
}

/** Whether the table is there, for this very subnet, and nobody flushed its rules. */
export function hasTable(nftables: NftSocket, subnet: string): boolean {
  return nftables.chain(NFPROTO_IPV4, TABLE, chainOf(subnet))?.use === 1;
}

/**
 * Makes the table anew, in one transaction: masquerading of what leaves the subnet by another
 * interface, and no forwarding of packets that only pretend to come from the subnet. nft(8).
 *
 * @param nft the path of nft(8).
 * @throws {ContainerError} what nft said.
 */
export function makeTable(nft: string, subnet: string): void {
  // The subnet stands in a chain's name so that one question to the kernel tells a table of another
  // subnet from this one. Numbers instead of names for the priorities: nft before 0.9.1 lacks those.
  const rules = `table ip ${TABLE}; delete table ip ${TABLE}; table ip ${TABLE} { ` +
    `chain ${chainOf(subnet)} { type nat hook postrouting priority 100; policy accept; ` +
    `ip saddr ${subnet} oifname != "${BRIDGE}" masquerade; }; ` +
    "chain forward { type filter hook forward priority 0; policy accept; " +
    `iifname "${BRIDGE}" ip saddr != ${subnet} drop; }; }`;
  runTold(
    {
      label: `let packets from ${subnet} leave under the host's address`,
      check: `nft list table ip ${TABLE}`,
    },
    nft,
    [rules],
  );
}

/** Deletes the table; false when there was none. */
export function deleteTable(nft: string, nftables: NftSocket): boolean {
  const isThere = nftables.chain(NFPROTO_IPV4, TABLE, "forward") !== undefined;
  if (isThere) {
    const told = { label: `delete the nftables table ${TABLE}`, check: "nft list tables" };
    runTold(told, nft, [`delete table ip ${TABLE}`]);
  }
  return isThere;
}

/** The chains of others that drop what is forwarded unless a rule of theirs takes it: `inet filter forward`. */
export function droppingChains(nftables: NftSocket): string[] {
  const families: Record<number, string> = { 1: "inet", 2: "ip" };
  return nftables.chains()
    .filter(({ family, forward, drops }) => forward && drops && families[family] !== undefined)
    .filter(({ table, name }) => !(table === "filter" && name === "FORWARD"))
    .map(({ family, table, name }) => `${families[family]} ${table} ${name}`);
}

function chainOf(subnet: string): string {
  return `from-${subnet}`;
}
