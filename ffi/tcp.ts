import { Fd } from "./file.ts";
import { syscall, trySyscall } from "./libc.ts";
import { alloc } from "./struct.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IP_TTL = 2;

/** socket(2): a TCP socket of the network namespace of the calling thread, whose packets live for some hops. ip(7). */
export function tcpSocket(hops: number): Fd {
  const fd = new Fd(
    syscall("socket", "tcp", AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
  );
  const option = alloc(4);
  option[0] = hops;
  syscall("setsockopt", "IP_TTL", fd.number, IPPROTO_IP, IP_TTL, option, option.length);
  return fd;
}

/**
 * connect(2), once more where that has been before: sends the first packet and does not wait for an answer.
 *
 * @param address a number in host order.
 */
export function beginToConnect({ number }: Fd, address: number, port: number): void {
  const to = alloc(16);
  // AF_UNSPEC: not any more to where it was before.
  trySyscall("connect", number, to, to.length);
  const view = new DataView(to.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  view.setUint32(4, address, false);
  trySyscall("connect", number, to, to.length);
}
