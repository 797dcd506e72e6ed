import { syscall } from "./libc.ts";
import { SysError } from "./errno.ts";
import { close } from "./file.ts";
import { SCRATCH } from "./scratch.ts";
import { alloc, struct } from "./struct.ts";

/** struct nlmsghdr, netlink(7). */
export const nlmsghdr = struct("nlmsghdr", 16, {
  nlmsg_len: [0, "u32"],
  nlmsg_type: [4, "u16"],
  nlmsg_flags: [6, "u16"],
  nlmsg_seq: [8, "u32"],
  nlmsg_pid: [12, "u32"],
});

/** Netlink families, netlink(7). */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** Flags of a request that asks for all objects of a kind, netlink(7). */
export const NLM_F_DUMP = 0x300;

/** Flags of a request that makes something, netlink(7). */
export const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;

/** One answer of the kernel: the family's own header and attributes, without the netlink header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A socket to one netlink family, in the network namespace of the calling thread. netlink(7). */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  /** @throws {SysError} EPROTONOSUPPORT when the kernel lacks the family. */
  constructor(family: number) {
    this.#fd = syscall("socket", "netlink", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
  }

  /**
   * Asks and returns the answers: one, or with NLM_F_DUMP any number.
   *
   * @param what the question as it stands in an error, e.g. `RTM_GETLINK "eth0"`.
   * @throws {SysError} what the kernel answers, e.g. ENODEV.
   */
  request(what: string, type: number, flags: number, ...parts: Uint8Array[]): NetlinkMessage[] {
    const { errno, answers } = this.tryRequest(what, type, flags, parts);
    if (errno !== 0) throw new SysError("netlink", errno, what);
    return answers;
  }

  /**
   * As {@link request}, for questions whose answer may well be an error: making a JavaScript error
   * takes longer than asking. The kernel answers within the sending call, so this does not wait.
   */
  tryRequest(
    what: string,
    type: number,
    flags: number,
    parts: readonly Uint8Array[],
  ): { errno: number; answers: NetlinkMessage[] } {
    let length = nlmsghdr.size;
    for (const part of parts) length += part.length;
    const message = alloc(length);
    nlmsghdr.set(message, "nlmsg_len", length);
    nlmsghdr.set(message, "nlmsg_type", type);
    nlmsghdr.set(message, "nlmsg_flags", NLM_F_REQUEST | flags);
    nlmsghdr.set(message, "nlmsg_seq", ++this.#sequence);
    let at = nlmsghdr.size;
    for (const part of parts) {
      message.set(part, at);
      at += part.length;
    }
    syscall("sendto", what, this.#fd, message, length, 0, null, 0);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const errno = this.#receive(what, answers);
      if (errno !== undefined) return { errno, answers };
    }
  }

  /** One recvfrom(2); 0 or the error number when the answer is complete. */
  #receive(what: string, answers: NetlinkMessage[]): number | undefined {
    // The kernel fills at most 32 KiB in one answer, netlink(7).
    const buffer = SCRATCH;
    const count = syscall("recvfrom", what, this.#fd, buffer, buffer.length, 0, null, null);
    for (let at = 0; at + nlmsghdr.size <= count;) {
      const length = Math.max(nlmsghdr.get(buffer, "nlmsg_len", at), nlmsghdr.size);
      const type = nlmsghdr.get(buffer, "nlmsg_type", at);
      const payload = buffer.slice(at + nlmsghdr.size, at + length);
      if (nlmsghdr.get(buffer, "nlmsg_seq", at) === this.#sequence) {
        if (type === NLMSG_ERROR) return -new DataView(buffer.buffer).getInt32(at + 16, true);
        if (type === NLMSG_DONE) return 0;
        answers.push({ type, payload });
        if ((nlmsghdr.get(buffer, "nlmsg_flags", at) & NLM_F_MULTI) === 0) return 0;
      }
      at += align(length);
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/** struct nlattr with its value, padded to four bytes. netlink(7). */
export function attribute(type: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = alloc(align(4 + value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

/** The attributes from `offset` on, by type; the last of a kind counts. */
export function attributes(
  bytes: Uint8Array<ArrayBuffer>,
  offset = 0,
): Map<number, Uint8Array<ArrayBuffer>> {
  const NLA_TYPE_MASK = 0x3fff;
  const found = new Map<number, Uint8Array<ArrayBuffer>>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = offset; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    found.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

/** An unsigned 32-bit value in the machine's order, as rtnetlink has them. */
export function u32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** An unsigned 32-bit value in network order, as IPv4 addresses and nftables numbers are. */
export function be32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, false);
}

/** Four bytes in network order. */
export function toBe32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(4);
  new DataView(bytes.buffer).setUint32(0, value, false);
  return bytes;
}

function align(length: number): number {
  return (length + 3) & ~3;
}
