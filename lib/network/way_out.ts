import { wayTo } from "../../ffi/netdevice.ts";
import { NFPROTO_IPV4, type NftSocket } from "../../ffi/nfnetlink.ts";
import { poll } from "../../ffi/poll.ts";
import { beginToConnect, tcpSocket } from "../../ffi/tcp.ts";
import { step } from "../trace.ts";
import { PROBED } from "./bridge.ts";
import type { Cidr } from "./cidr.ts";
import { openNftables, PROBE, TABLE } from "./nftables.ts";

/**
 * Whether the host lets a container's packets pass to the outside, whatever firewalls it has.
 *
 * It is tried with the first packet of a connection, as a program in the container would send it. That would end at the
 * next hop, and does not come as far: the host counts and drops it where it would leave (nftables.ts), after all that
 * any firewall has to say.
 */
export class WayOut implements Disposable {
  readonly #socket = tcpSocket(2);
  #isOpen = true;

  /**
   * To be made in the container's network namespace, and used in the host's.
   *
   * @param container its address.
   */
  constructor(readonly container: Cidr) {}

  /** Tries it; true where packets are refused that have not been before. */
  hasClosed(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = step({
      label: "try whether the host lets packets pass to the outside",
      call: "connect(198.51.100.1), IP_TTL 2; NFT_MSG_GETRULE (netlink)",
      check: `nft list chain ip ${TABLE} ${PROBE}`,
    }, () => {
      using nftables = openNftables();
      return nftables === undefined || wayTo(PROBED) === undefined ||
        this.#isPassed(nftables);
    });
    return wasOpen && !this.#isOpen;
  }

  /** Whether the packet comes to where it would leave; also where nobody would count it there. */
  #isPassed(nftables: NftSocket): boolean {
    const arrived = () => nftables.rules(NFPROTO_IPV4, TABLE, PROBE)[0]?.bytes.join();
    const before = arrived();
    this.send();
    return before === undefined || [0, 1, 2, 4, 8, 16, 32, 64].some((time) => {
      poll([], time);
      return arrived() !== before;
    });
  }

  /** Sends such a packet. */
  send(): void {
    const HTTPS = 443;
    beginToConnect(this.#socket, PROBED, HTTPS);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
