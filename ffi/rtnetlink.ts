import { cstring, fromCString } from "./cstring.ts";
import { errnoName, SysError } from "./errno.ts";
import {
  attribute,
  attributes,
  be32,
  nested,
  NETLINK_ROUTE,
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  toBe32,
  u32,
  u32Bytes,
} from "./netlink.ts";
import { alloc, struct } from "./struct.ts";

/** struct ifinfomsg, rtnetlink(7). */
export const ifinfomsg = struct("ifinfomsg", 16, {
  ifi_family: [0, "u8"],
  ifi_type: [2, "u16"],
  ifi_index: [4, "i32"],
  ifi_flags: [8, "u32"],
  ifi_change: [12, "u32"],
});

/** struct ifaddrmsg, rtnetlink(7). */
export const ifaddrmsg = struct("ifaddrmsg", 8, {
  ifa_family: [0, "u8"],
  ifa_prefixlen: [1, "u8"],
  ifa_flags: [2, "u8"],
  ifa_scope: [3, "u8"],
  ifa_index: [4, "u32"],
});

/** struct rtmsg, rtnetlink(7). */
export const rtmsg = struct("rtmsg", 12, {
  rtm_family: [0, "u8"],
  rtm_dst_len: [1, "u8"],
  rtm_src_len: [2, "u8"],
  rtm_tos: [3, "u8"],
  rtm_table: [4, "u8"],
  rtm_protocol: [5, "u8"],
  rtm_scope: [6, "u8"],
  rtm_type: [7, "u8"],
  rtm_flags: [8, "u32"],
});

/** struct tcmsg, linux/rtnetlink.h. */
export const tcmsg = struct("tcmsg", 20, {
  tcm_family: [0, "u8"],
  tcm_ifindex: [4, "i32"],
  tcm_handle: [8, "u32"],
  tcm_parent: [12, "u32"],
  tcm_info: [16, "u32"],
});

export const RTM_GETLINK = 18;
export const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const AF_INET = 2;
const IFF_UP = 1;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;

export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
export const IFLA_INFO_KIND = 1;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
export const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

/** The state in which a bridge port carries packets (linux/if_bridge.h). */
export const BR_STATE_FORWARDING = 3;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** What kind of virtual interface it is, e.g. `bridge` or `veth`; undefined for hardware and `lo`. */
  readonly kind: string | undefined;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** The index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** As a bridge port: BR_STATE_*. */
  readonly portState: number | undefined;
}

/** An IPv4 address of an interface. Addresses are numbers in host order. */
export interface LinkAddress {
  readonly index: number;
  readonly address: number;
  readonly prefix: number;
}

/** An IPv4 route. Addresses are numbers in host order. */
export interface Route {
  readonly destination: number;
  readonly prefix: number;
  /** The interface; undefined for a route over several. */
  readonly index: number | undefined;
  readonly gateway: number | undefined;
}

/** Questions to the kernel about links, addresses and routes of the calling thread's network namespace. rtnetlink(7). */
export class RouteSocket implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

  /**
   * RTM_GETLINK: the interface with that name or index, or undefined. Since Linux 6.8 the question
   * also makes a pending change of carrier take effect.
   */
  link(nameOrIndex: string | number): Link | undefined {
    const what = `RTM_GETLINK ${JSON.stringify(nameOrIndex)}`;
    const parts = typeof nameOrIndex === "string"
      ? [ifinfomsg.encode({}), attribute(IFLA_IFNAME, cstring(nameOrIndex))]
      : [ifinfomsg.encode({ ifi_index: nameOrIndex })];
    parts.push(withoutStatistics());
    const { errno, answers: [answer] } = this.#socket.tryRequest(what, RTM_GETLINK, 0, parts);
    if (errno !== 0 && errnoName(errno) !== "ENODEV") throw new SysError("netlink", errno, what);
    return answer && decodeLink(answer.payload);
  }

  /** RTM_GETLINK: all interfaces of a kind that the kernel has, or all ports of a bridge. */
  links(of: { kind: string } | { master: number }): Link[] {
    const filter = "kind" in of
      ? nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, cstring(of.kind)))
      : attribute(IFLA_MASTER, u32Bytes(of.master));
    const parts = [ifinfomsg.encode({}), withoutStatistics(), filter];
    return this.#socket.request("RTM_GETLINK", RTM_GETLINK, NLM_F_DUMP, ...parts)
      .map(({ payload }) => decodeLink(payload));
  }

  /** RTM_GETADDR: all IPv4 addresses, each interface's primary ones first. */
  addresses(): LinkAddress[] {
    const header = ifaddrmsg.encode({ ifa_family: AF_INET });
    return this.#socket.request("RTM_GETADDR", RTM_GETADDR, NLM_F_DUMP, header)
      .map(({ payload }) => ({
        index: ifaddrmsg.get(payload, "ifa_index"),
        address: be32(attributes(payload, ifaddrmsg.size).get(IFA_LOCAL)) ?? 0,
        prefix: ifaddrmsg.get(payload, "ifa_prefixlen"),
      }));
  }

  /** RTM_GETROUTE: all IPv4 unicast routes of the main table. */
  routes(): Route[] {
    const header = rtmsg.encode({ rtm_family: AF_INET });
    return this.#socket.request("RTM_GETROUTE", RTM_GETROUTE, NLM_F_DUMP, header)
      .filter(({ payload }) =>
        rtmsg.get(payload, "rtm_table") === RT_TABLE_MAIN &&
        rtmsg.get(payload, "rtm_type") === RTN_UNICAST
      )
      .map(({ payload }) => decodeRoute(payload));
  }

  /** RTM_GETROUTE for one address: the way that a packet to it would take, or undefined when there is none. */
  routeTo(address: number): Route | undefined {
    const what = "RTM_GETROUTE for one address";
    const header = rtmsg.encode({ rtm_family: AF_INET, rtm_dst_len: 32 });
    const parts = [header, attribute(RTA_DST, toBe32(address))];
    const { errno, answers: [answer] } = this.#socket.tryRequest(what, RTM_GETROUTE, 0, parts);
    // What a route of the kinds unreachable, prohibit and blackhole answers stands for no way, too.
    const none = ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"];
    if (errno !== 0 && !none.includes(errnoName(errno))) throw new SysError("netlink", errno, what);
    return answer && decodeRoute(answer.payload);
  }

  /**
   * RTM_NEWQDISC, RTM_NEWTFILTER: has a program decide what of the packets that an interface receives goes on, in
   * place of the one before. tc-bpf(8).
   *
   * @param program classic BPF, which returns TC_ACT_*.
   * @returns 0, or the kernel's error.
   */
  tryFilterIngress(index: number, program: Uint8Array<ArrayBuffer>): number {
    const CLSACT = 0xfffffff1, INGRESS = 0xfffffff2, HANDLE = 0xffff0000;
    const FIRST = 1 << 16, EVERY_PROTOCOL = 0x0300, ONLY = 1;
    const TCA_KIND = 1, TCA_OPTIONS = 2, TCA_BPF_OPS_LEN = 4, TCA_BPF_OPS = 5, TCA_BPF_FLAGS = 8;
    const TCA_BPF_FLAG_ACT_DIRECT = 1;
    const SET = NLM_F_CREATE | NLM_F_ACK;
    const queue = this.#socket.tryRequest("RTM_NEWQDISC clsact", RTM_NEWQDISC, SET, [
      tcmsg.encode({ tcm_ifindex: index, tcm_handle: HANDLE, tcm_parent: CLSACT }),
      attribute(TCA_KIND, cstring("clsact")),
    ]);
    if (queue.errno !== 0) return queue.errno;
    const count = new Uint8Array(new Uint16Array([program.length / 8]).buffer);
    const flags = new Uint8Array(new Uint32Array([TCA_BPF_FLAG_ACT_DIRECT]).buffer);
    const info = FIRST | EVERY_PROTOCOL;
    return this.#socket.tryRequest("RTM_NEWTFILTER bpf", RTM_NEWTFILTER, SET, [
      tcmsg.encode({
        tcm_ifindex: index,
        tcm_handle: ONLY,
        tcm_parent: INGRESS,
        tcm_info: info,
      }),
      attribute(TCA_KIND, cstring("bpf")),
      nested(
        TCA_OPTIONS,
        attribute(TCA_BPF_OPS_LEN, count),
        attribute(TCA_BPF_OPS, program),
        attribute(TCA_BPF_FLAGS, flags),
      ),
    ]).errno;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function withoutStatistics(): Uint8Array<ArrayBuffer> {
  const RTEXT_FILTER_SKIP_STATS = 8;
  return attribute(IFLA_EXT_MASK, u32Bytes(RTEXT_FILTER_SKIP_STATS));
}

function decodeLink(payload: Uint8Array<ArrayBuffer>): Link {
  const found = attributes(payload, ifinfomsg.size);
  const info = attributes(found.get(IFLA_LINKINFO) ?? alloc(0));
  const kind = info.get(IFLA_INFO_KIND);
  const port = attributes(info.get(IFLA_INFO_SLAVE_DATA) ?? alloc(0));
  return {
    index: ifinfomsg.get(payload, "ifi_index"),
    name: fromCString(found.get(IFLA_IFNAME) ?? alloc(0)),
    kind: kind && fromCString(kind),
    up: (ifinfomsg.get(payload, "ifi_flags") & IFF_UP) !== 0,
    mtu: u32(found.get(IFLA_MTU)) ?? 0,
    master: u32(found.get(IFLA_MASTER)),
    portState: port.get(IFLA_BRPORT_STATE)?.[0],
  };
}

function decodeRoute(payload: Uint8Array<ArrayBuffer>): Route {
  const found = attributes(payload, rtmsg.size);
  return {
    destination: be32(found.get(RTA_DST)) ?? 0,
    prefix: rtmsg.get(payload, "rtm_dst_len"),
    index: u32(found.get(RTA_OIF)),
    gateway: be32(found.get(RTA_GATEWAY)),
  };
}
