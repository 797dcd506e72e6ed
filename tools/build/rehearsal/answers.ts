/** What the kernel of a rehearsal answers where the machine's would answer otherwise. */

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

/** The address of the bridge, in host order. */
const BRIDGE = 0x0a0a0a01;

/** getsockname(2): packets would leave by the bridge. */
export function sentFromBridge(address: number): number {
  viewAt(address, 16).setUint32(4, BRIDGE, false);
  return 0;
}

/** What netdevice(7) tells of the bridge, by request: its part of struct ifreq. */
const IFREQ: Readonly<Record<number, readonly number[]>> = {
  0x8933: [1, 0, 0, 0], // SIOCGIFINDEX
  0x8913: [1, 0], // SIOCGIFFLAGS: IFF_UP
  0x8921: [0xdc, 5, 0, 0], // SIOCGIFMTU: 1500
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
  /** How many rules the chain of nftables has that it asks for. */
  readonly rules: number;
}

/** Reads a request that lies at an address in memory. */
export function questionOf(request: number, length: number): Question {
  const text = new TextDecoder().decode(bytesAt(request, length));
  return {
    sequence: viewAt(request, 16).getUint32(8, true),
    rules: text.includes("forward\0") ? 2 : 1,
  };
}

/** recvfrom(2) from nftables: the chain is there, with all its rules. */
export function chainWithRules(answer: number, { sequence, rules }: Question): number {
  const LENGTH = 28, NFTA_CHAIN_USE = 6;
  const view = viewAt(answer, LENGTH);
  view.setUint32(0, LENGTH, true);
  view.setUint32(8, sequence, true);
  view.setUint16(20, 8, true);
  view.setUint16(22, NFTA_CHAIN_USE, true);
  view.setUint32(24, rules, false);
  return LENGTH;
}
