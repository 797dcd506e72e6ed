import { errno, syscall, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
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
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

/** One answer of the kernel: the family's own header and attributes, without the netlink header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** One message to the kernel: the family's own header and attributes are its parts. */
export interface NetlinkRequest {
  /** The request as it stands in an error, e.g. `NFT_MSG_NEWTABLE "gocontainer"`. */
  readonly what: string;
  readonly type: number;
  /** NLM_F_*. */
  readonly flags: number;
  readonly parts: readonly Uint8Array[];
}

/** A socket to one netlink family, in the network namespace of the calling thread. netlink(7). */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  /** @throws {SysError} EPROTONOSUPPORT when the kernel lacks the family. */
  constructor(family: number) {
    this.#fd = syscall("socket", "netlink", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
  }

  /** To be waited for by poll(2). */
  get number(): number {
    return this.#fd;
  }

  /** Has the socket hear what the kernel tells a group, by bind(2). It is for nothing else then than {@link heard}. */
  join(group: number): void {
    // Struct sockaddr_nl.
    const address = alloc(12);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, 1 << (group - 1), true);
    syscall("bind", `netlink group ${group}`, this.#fd, address, address.length);
  }

  /** What its group has been told since the last time, without waiting; not all where that was too much. */
  heard(): NetlinkMessage[] {
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const count = trySyscall(
        "recvfrom",
        this.#fd,
        SCRATCH,
        SCRATCH.length,
        MSG_DONTWAIT,
        null,
        null,
      );
      if (count >= 0) messages.push(...[...messagesIn(count)].map(messageAt));
      // Some were too many to be kept; more may have come since.
      else if (errnoName(errno()) !== "ENOBUFS") return messages;
    }
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
    this.#send(what, this.#encode({ what, type, flags, parts }));
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const errno = this.#take(what, answers);
      if (errno !== undefined) return { errno, answers };
    }
  }

  /**
   * Sends requests in one message, of which the kernel carries out all or none, and waits until each that bears
   * NLM_F_ACK is answered.
   *
   * @throws {SysError} what the kernel says of the first that it refuses.
   */
  transact(requests: readonly NetlinkRequest[]): void {
    const first = this.#sequence + 1;
    const messages = requests.map((request) => this.#encode(request));
    this.#send(requests[0].what, concatenated(messages));
    let unanswered = requests.filter(({ flags }) => flags & NLM_F_ACK).length;
    while (unanswered > 0) {
      for (const at of this.#receive(requests[0].what)) {
        const request = requests[nlmsghdr.get(SCRATCH, "nlmsg_seq", at) - first];
        if (request === undefined || nlmsghdr.get(SCRATCH, "nlmsg_type", at) !== NLMSG_ERROR) {
          continue;
        }
        const errno = errnoAt(at);
        if (errno !== 0) throw new SysError("netlink", errno, request.what);
        unanswered--;
      }
    }
  }

  #encode({ type, flags, parts }: NetlinkRequest): Uint8Array<ArrayBuffer> {
    const message = concatenated(parts, nlmsghdr.size);
    nlmsghdr.set(message, "nlmsg_len", message.length);
    nlmsghdr.set(message, "nlmsg_type", type);
    nlmsghdr.set(message, "nlmsg_flags", NLM_F_REQUEST | flags);
    nlmsghdr.set(message, "nlmsg_seq", ++this.#sequence);
    return message;
  }

  #send(what: string, message: Uint8Array<ArrayBuffer>): void {
    syscall("sendto", what, this.#fd, message, message.length, 0, null, 0);
  }

  /** What one recvfrom(2) brings into SCRATCH: where in that each message begins. */
  *#receive(what: string): Generator<number, void> {
    // The kernel fills at most 32 KiB in one answer, netlink(7).
    yield* messagesIn(syscall("recvfrom", what, this.#fd, SCRATCH, SCRATCH.length, 0, null, null));
  }

  /** Takes what one recvfrom(2) brings; 0 or the error number when the answer is complete. */
  #take(what: string, answers: NetlinkMessage[]): number | undefined {
    for (const at of this.#receive(what)) {
      if (nlmsghdr.get(SCRATCH, "nlmsg_seq", at) !== this.#sequence) continue;
      const type = nlmsghdr.get(SCRATCH, "nlmsg_type", at);
      if (type === NLMSG_ERROR) return errnoAt(at);
      if (type === NLMSG_DONE) return 0;
      answers.push(messageAt(at));
      if ((nlmsghdr.get(SCRATCH, "nlmsg_flags", at) & NLM_F_MULTI) === 0) return 0;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/** Where in the first `count` bytes of SCRATCH each message begins. */
function* messagesIn(count: number): Generator<number, void> {
  for (let at = 0; at + nlmsghdr.size <= count;) {
    yield at;
    at += align(Math.max(nlmsghdr.get(SCRATCH, "nlmsg_len", at), nlmsghdr.size));
  }
}

/** A message in SCRATCH, copied. */
function messageAt(at: number): NetlinkMessage {
  const end = at + Math.max(nlmsghdr.get(SCRATCH, "nlmsg_len", at), nlmsghdr.size);
  const type = nlmsghdr.get(SCRATCH, "nlmsg_type", at);
  return { type, payload: SCRATCH.slice(at + nlmsghdr.size, end) };
}

/** The error number of an NLMSG_ERROR in SCRATCH; 0 for a confirmation. */
function errnoAt(at: number): number {
  return -new DataView(SCRATCH.buffer).getInt32(at + nlmsghdr.size, true);
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

/** An attribute that consists of attributes. */
export function nested(type: number, ...inner: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const NLA_F_NESTED = 0x8000;
  return attribute(type | NLA_F_NESTED, concatenated(inner));
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

/** Four bytes in the machine's order. */
export function u32Bytes(value: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
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

/** @param room bytes to leave before them. */
function concatenated(parts: readonly Uint8Array[], room = 0): Uint8Array<ArrayBuffer> {
  const bytes = alloc(parts.reduce((length, part) => length + part.length, room));
  let at = room;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function align(length: number): number {
  return (length + 3) & ~3;
}
