/** What the kernel of a rehearsal answers where the machine's would answer otherwise. */

import { cstring } from "../../../ffi/cstring.ts";
import { attribute, nested, NLM_F_DUMP, nlmsghdr, toBe32 } from "../../../ffi/netlink.ts";
import {
  nfgenmsg,
  NFPROTO_IPV4,
  NFT_MSG_GETCHAIN,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_USE,
} from "../../../ffi/nfnetlink.ts";
import {
  IFA_LOCAL,
  ifaddrmsg,
  ifinfomsg,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  RTM_GETADDR,
  RTM_GETLINK,
} from "../../../ffi/rtnetlink.ts";
import { siginfo_child } from "../../../ffi/process.ts";
import { msghdr } from "../../../ffi/socket.ts";
import { bytesAt, viewAt } from "./memory.ts";

/** waitid(2): the process has ended with exit code 0. */
export function ended(pid: number, info: number): number {
  const CLD_EXITED = 1;
  const bytes = bytesAt(info, siginfo_child.size);
  siginfo_child.set(bytes, "si_pid", pid);
  siginfo_child.set(bytes, "si_code", CLD_EXITED);
  return 0;
}

/** ppoll(2): whatever is waited for is there. */
export function allReady(fds: number, count: number): number {
  const POLLFD_SIZE = 8;
  for (let i = 0; i < count; i++) {
    const view = viewAt(fds + i * POLLFD_SIZE, POLLFD_SIZE);
    view.setInt16(6, view.getInt16(4, true), true);
  }
  return count;
}

/** What a message of sendmsg(2) says; it has one part. */
export function partOf(message: number): Uint8Array {
  const header = bytesAt(message, msghdr.size);
  const iovec = viewAt(Number(msghdr.get(header, "msg_iov")), 16);
  return bytesAt(Number(iovec.getBigUint64(0, true)), Number(iovec.getBigUint64(8, true)));
}

/** recvmsg(2): these words, and no descriptors. */
export function received(message: number, words: Uint8Array): number {
  msghdr.set(bytesAt(message, msghdr.size), "msg_controllen", 0);
  const part = partOf(message);
  part.set(words.subarray(0, part.length));
  return Math.min(words.length, part.length);
}

/** The bridge's address, in host order, and its index. */
const BRIDGE = 0x0a0a0a01, BRIDGE_INDEX = 1;
/** That of another interface, 192.0.2.1 (RFC 5737). */
const ANOTHER = 0xc0000201;

/** getsockname(2): packets would leave by the bridge. */
export function sentFromBridge(address: number): number {
  viewAt(address, 16).setUint32(4, BRIDGE, false);
  return 0;
}

const SIOCGIFMTU = 0x8921;

/** What netdevice(7) tells of the bridge, by request: its part of struct ifreq. */
const IFREQ: Readonly<Record<number, readonly number[]>> = {
  0x8933: [BRIDGE_INDEX, 0, 0, 0], // SIOCGIFINDEX
  0x8913: [1, 0], // SIOCGIFFLAGS: IFF_UP
  [SIOCGIFMTU]: [0xdc, 5, 0, 0], // 1500
  0x8915: [2, 0, 0, 0, 10, 10, 10, 1], // SIOCGIFADDR
  0x891b: [2, 0, 0, 0, 255, 255, 255, 0], // SIOCGIFNETMASK
};

/** ioctl(2): the bridge is as it should be, and nothing is a terminal. */
export function askedOfDevice(request: number, argument: number): number {
  const TCGETS2 = 0x802c542a;
  if (request === TCGETS2) return -1;
  const answer = IFREQ[request];
  if (answer !== undefined) bytesAt(argument + 16, answer.length).set(answer);
  return 0;
}

/** A netlink request. */
export interface Question {
  readonly sequence: number;
  readonly type: number;
  /** Whether it asks for all there are. */
  readonly isDump: boolean;
}

/** Reads a request that lies at an address in memory. */
export function questionOf(request: number): Question {
  const header = bytesAt(request, nlmsghdr.size);
  return {
    sequence: nlmsghdr.get(header, "nlmsg_seq"),
    type: nlmsghdr.get(header, "nlmsg_type"),
    isDump: (nlmsghdr.get(header, "nlmsg_flags") & NLM_F_DUMP) === NLM_F_DUMP,
  };
}

/**
 * recvfrom(2) from netlink: of all there could be, the bridge is there, the chains for it with their rules, and another
 * interface's address; deeds are done.
 */
export function answerTo({ sequence, type, isDump }: Question, answer: number): number {
  const NLM_F_MULTI = 2, NLMSG_ERROR = 2, NLMSG_DONE = 3;
  const RTM_NEWLINK = 16, RTM_NEWADDR = 20;
  const message = (type: number, flags: number, ...parts: Uint8Array[]) => {
    const length = parts.reduce((sum, part) => sum + part.length, nlmsghdr.size);
    const header = nlmsghdr.encode({
      nlmsg_len: length,
      nlmsg_type: type,
      nlmsg_flags: flags,
      nlmsg_seq: sequence,
    });
    return [header, ...parts];
  };
  const chain = (name: string, rules: number) =>
    message(
      0,
      NLM_F_MULTI,
      nfgenmsg.encode({ nfgen_family: NFPROTO_IPV4 }),
      attribute(NFTA_CHAIN_TABLE, cstring("gocontainer")),
      attribute(NFTA_CHAIN_NAME, cstring(name)),
      attribute(NFTA_CHAIN_USE, toBe32(rules)),
    );
  const nothing = new Uint8Array(4);
  const address = (index: number, address: number) =>
    message(
      RTM_NEWADDR,
      NLM_F_MULTI,
      ifaddrmsg.encode({ ifa_index: index, ifa_prefixlen: 24 }),
      attribute(IFA_LOCAL, toBe32(address)),
    );
  const bridge = () =>
    message(
      RTM_NEWLINK,
      NLM_F_MULTI,
      ifinfomsg.encode({ ifi_index: BRIDGE_INDEX }),
      attribute(IFLA_IFNAME, cstring("goContainers0")),
      attribute(IFLA_MTU, new Uint8Array(IFREQ[SIOCGIFMTU])),
      nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, cstring("bridge"))),
    );
  const all: Readonly<Record<number, () => Uint8Array[]>> = {
    [NFT_MSG_GETCHAIN]: () => [...chain("from-10.10.10.0/24", 1), ...chain("forward", 2)],
    [RTM_GETLINK]: bridge,
    [RTM_GETADDR]: () => [...address(BRIDGE_INDEX, BRIDGE), ...address(2, ANOTHER)],
  };
  const parts = isDump
    ? [
      ...all[type]?.() ?? [],
      ...message(NLMSG_DONE, NLM_F_MULTI, nothing),
    ]
    : message(NLMSG_ERROR, 0, nothing);
  let length = 0;
  for (const part of parts) {
    bytesAt(answer + length, part.length).set(part);
    length += part.length;
  }
  return length;
}
