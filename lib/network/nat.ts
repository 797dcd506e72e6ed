import type { NftSocket } from "../../ffi/nfnetlink.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import { BRIDGE } from "./bridge.ts";
import { type Cidr, formatCidr, networkOf } from "./cidr.ts";
import { acceptForwarding, findIptables, masquerade, removeRules } from "./iptables.ts";
import { deleteTable, droppingChains, hasTable, makeTable, openNftables } from "./nftables.ts";
import { findProgram } from "../program.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/**
 * Lets containers reach what the host reaches: forwarding is on, and their packets leave under the
 * host's address. Rules that stand already are recognised by asking the kernel, so that usually no
 * process is started.
 *
 * What cannot be had is told in one warning: a container without the outside is still of use.
 *
 * @param bridge the bridge's address with prefix; its subnet is masqueraded.
 */
export function prepareNat(bridge: Cidr): void {
  const subnet = formatCidr(networkOf(bridge));
  try {
    forwardPackets();
    using nftables = openNftables();
    const isMade = step({
      label: `look whether packets from ${subnet} are masqueraded`,
      call: "NFT_MSG_GETCHAIN (netlink)",
      check: "nft list table ip gocontainer",
    }, () => nftables !== undefined && hasTable(nftables, subnet));
    if (!isMade) makeRules(nftables, subnet);
    acceptForwarding(nftables);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = error instanceof ContainerError && error.hint ? ` (${error.hint})` : "";
    warn(`containers reach the host and each other only: ${error.message}${hint}`);
  }
}

/** Takes all rules back. Forwarding stays on, for others may need it by now. */
export function removeNat(): void {
  using nftables = openNftables();
  const nft = findProgram("nft");
  if (nft !== undefined && nftables !== undefined) deleteTable(nft, nftables);
  removeRules(nftables);
}

function forwardPackets(): void {
  const name = "ipv4/ip_forward";
  if (readSysctl(name) !== "0") return;
  step({
    label: "let the host forward packets between its interfaces",
    call: `write("/proc/sys/net/${name}", "1")`,
    check: "sysctl net.ipv4.ip_forward",
  }, () => writeSysctl(name, 1));
}

/** @throws {ContainerError} when there is neither nft nor iptables, or what they said. */
function makeRules(nftables: NftSocket | undefined, subnet: string): void {
  const nft = findProgram("nft");
  if (nft === undefined || nftables === undefined) {
    masqueradeByIptables(findIptables("nft"), subnet);
    return;
  }
  try {
    makeTable(nft, subnet);
  } catch (error) {
    // A kernel without nftables, or too old for one of the rules, may still have the older way.
    const iptables = findIptables("legacy");
    if (iptables === undefined) throw error;
    masquerade(iptables, subnet);
    return;
  }
  warnOfDroppingChains(nftables);
}

function masqueradeByIptables(iptables: string | undefined, subnet: string): void {
  if (iptables === undefined) {
    throw new ContainerError("masquerade their packets: neither nft nor iptables is installed", {
      code: "Unsupported",
      hint: "Install the package nftables",
    });
  }
  masquerade(iptables, subnet);
}

/** A chain of a firewall cannot be overruled from another table: only its owner can let packets pass. */
function warnOfDroppingChains(nftables: NftSocket): void {
  for (const chain of droppingChains(nftables)) {
    warn(
      `the nftables chain "${chain}" drops forwarded packets, also those of containers; let them ` +
        `pass with: nft add rule ${chain} iifname ${BRIDGE} accept; ` +
        `nft add rule ${chain} oifname ${BRIDGE} ct state established,related accept`,
    );
  }
}
