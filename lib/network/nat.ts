import type { NftSocket } from "../../ffi/nfnetlink.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import { type Cidr, formatCidr, networkOf } from "./cidr.ts";
import { acceptForwarding, findIptables, masquerade } from "./iptables.ts";
import { forwardPackets, lookAtForwarding, othersInterfaces } from "./forwarding.ts";
import { findNeighbours } from "./neighbours.ts";
import { hasTable, hasUnrouted, makeTable, openNftables } from "./nftables.ts";

/**
 * Lets containers reach what the host reaches: packets are forwarded, and theirs leave under the host's address.
 * Rules that stand already are recognised by asking the kernel, so that usually no process is started.
 *
 * What cannot be had is told in one warning: a container without the outside is still of use.
 *
 * @param bridge the bridge's address with prefix; its subnet is masqueraded.
 */
export function prepareNat(bridge: Cidr): void {
  const subnet = networkOf(bridge);
  try {
    using nftables = openNftables();
    const chains = step({
      label: `look whether packets from ${formatCidr(subnet)} are masqueraded`,
      call: "NFT_MSG_GETCHAIN (netlink)",
      check: "nft list table ip gocontainer",
    }, () => nftables?.chains() ?? []);
    const wasUnrouted = hasUnrouted(chains);
    const forwarding = lookAtForwarding(wasUnrouted);
    const { isRouter } = forwarding;
    const neighbours = findNeighbours();
    if (!hasTable(chains, subnet, neighbours) || isRouter === wasUnrouted) {
      makeRules(nftables, subnet, neighbours, isRouter ? [] : othersInterfaces());
    }
    // Not before it is said what is not to be forwarded.
    if (!forwarding.isOn) forwardPackets(forwarding);
    acceptForwarding(chains);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = error instanceof ContainerError && error.hint ? ` (${error.hint})` : "";
    warn(`containers reach the host and each other only: ${error.message}${hint}`);
  }
}

/** @throws {ContainerError} when neither the kernel's nftables nor iptables make them. */
function makeRules(
  nftables: NftSocket | undefined,
  subnet: Cidr,
  neighbours: readonly string[],
  unrouted: readonly string[],
): void {
  if (nftables === undefined) {
    masqueradeByIptables(subnet, new ContainerError("the kernel has no nftables"));
    return;
  }
  try {
    step({
      label:
        `let packets from ${
          formatCidr(subnet)
        } leave under the host's address, by nftables, and of ` +
        "those from outside only answers in, and what a rule of the host's sends there",
      call: "NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE (netlink)",
      check: "nft list table ip gocontainer",
    }, () => makeTable(nftables, subnet, neighbours, unrouted));
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
