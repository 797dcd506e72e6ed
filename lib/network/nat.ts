import type { NftSocket } from "../../ffi/nfnetlink.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import { type Cidr, formatCidr, networkOf } from "./cidr.ts";
import { acceptForwarding, findIptables, masquerade } from "./iptables.ts";
import { warnOfFirewalls } from "./firewalls.ts";
import { hasTable, makeTable, openNftables, rulesOf } from "./nftables.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/**
 * Lets containers reach what the host reaches: forwarding is on, and their packets leave under the host's address.
 * Rules that stand already are recognised by asking the kernel, so that usually no process is started.
 *
 * What cannot be had is told in one warning: a container without the outside is still of use.
 *
 * @param bridge the bridge's address with prefix; its subnet is masqueraded.
 */
export function prepareNat(bridge: Cidr): void {
  const subnet = networkOf(bridge);
  try {
    forwardPackets();
    using nftables = openNftables();
    const chains = step({
      label: `look whether packets from ${formatCidr(subnet)} are masqueraded`,
      call: "NFT_MSG_GETCHAIN (netlink)",
      check: "nft list table ip gocontainer",
    }, () => nftables?.chains() ?? []);
    if (!hasTable(chains, subnet)) makeRules(nftables, subnet);
    acceptForwarding(chains);
    if (nftables !== undefined) warnOfFirewalls(nftables, chains, subnet);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = error instanceof ContainerError && error.hint ? ` (${error.hint})` : "";
    warn(`containers reach the host and each other only: ${error.message}${hint}`);
  }
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

/** @throws {ContainerError} when neither the kernel's nftables nor iptables make them. */
function makeRules(nftables: NftSocket | undefined, subnet: Cidr): void {
  if (nftables === undefined) {
    masqueradeByIptables(subnet, new ContainerError("the kernel has no nftables"));
    return;
  }
  try {
    step({
      label: `let packets from ${formatCidr(subnet)} leave under the host's address, by nftables`,
      call: `NFT_MSG_NEWRULE (netlink), as by: nft '${rulesOf(subnet)}'`,
      check: "nft list table ip gocontainer",
    }, () => makeTable(nftables, subnet));
  } catch (error) {
    // A kernel that lacks one of the kinds of rules may still have the older way.
    if (!(error instanceof Error)) throw error;
    masqueradeByIptables(subnet, error);
  }
}

/** @param refusal why nftables does not do it. */
function masqueradeByIptables(subnet: Cidr, refusal: Error): void {
  const iptables = findIptables("legacy");
  if (iptables === undefined) {
    throw new ContainerError(
      `masquerade their packets: ${refusal.message}, and iptables is not installed`,
      { code: "Unsupported", hint: "Install the package iptables", cause: refusal },
    );
  }
  masquerade(iptables, formatCidr(subnet));
}
