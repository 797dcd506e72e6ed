import { addressOf, cstring } from "./cstring.ts";
import { syscall } from "./libc.ts";
import { SCRATCH } from "./scratch.ts";
import { alloc, struct } from "./struct.ts";

/** struct msghdr, recvmsg(2). */
export const msghdr = struct("msghdr", 56, {
  msg_name: [0, "u64"],
  msg_namelen: [8, "u32"],
  msg_iov: [16, "u64"],
  msg_iovlen: [24, "u64"],
  msg_control: [32, "u64"],
  msg_controllen: [40, "u64"],
  msg_flags: [48, "i32"],
});

/** struct cmsghdr, cmsg(3). */
export const cmsghdr = struct("cmsghdr", 16, {
  cmsg_len: [0, "u64"],
  cmsg_level: [8, "i32"],
  cmsg_type: [12, "i32"],
});

const AF_UNIX = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** socketpair(2): two connected unix sockets that keep message borders, close-on-exec. */
export function socketpair(): [number, number] {
  const fds = new Int32Array(new ArrayBuffer(8));
  const array = new Uint8Array(fds.buffer);
  syscall("socketpair", "", AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, array);
  return [fds[0], fds[1]];
}

/** Unix socket types. */
export const SOCK_STREAM = 1;
export const SOCK_SEQPACKET = 5;

/** socket(2): a unix socket, close-on-exec. */
export function socket(type: number): number {
  return syscall("socket", "AF_UNIX", AF_UNIX, type | SOCK_CLOEXEC, 0);
}

/** struct sockaddr_un, unix(7): the path has to fit 107 bytes. */
function sockaddr_un(path: string): Uint8Array<ArrayBuffer> {
  const name = cstring(path);
  if (name.length > 108) throw new RangeError(`Socket path is longer than 107 bytes: ${path}`);
  const address = alloc(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

/** bind(2) to a path and listen(2). */
export function bindAndListen(fd: number, path: string): void {
  const address = sockaddr_un(path);
  syscall("bind", JSON.stringify(path), fd, address, address.length);
  syscall("listen", JSON.stringify(path), fd, 1);
}

/** connect(2) to a path. */
export function connect(fd: number, path: string): void {
  const address = sockaddr_un(path);
  syscall("connect", JSON.stringify(path), fd, address, address.length);
}

/** accept4(2), close-on-exec. */
export function accept(fd: number): number {
  return syscall("accept4", `${fd}`, fd, null, null, SOCK_CLOEXEC);
}

/** sendmsg(2): one message, with descriptors if given (SCM_RIGHTS, unix(7)). A closed peer is EPIPE, without the signal. */
export function sendmsg(fd: number, bytes: Uint8Array<ArrayBuffer>, fds: number[] = []): number {
  const { header, parts } = message(bytes, fds.length);
  if (fds.length > 0) {
    const control = parts.control!;
    cmsghdr.set(control, "cmsg_len", cmsghdr.size + fds.length * 4);
    cmsghdr.set(control, "cmsg_level", SOL_SOCKET);
    cmsghdr.set(control, "cmsg_type", SCM_RIGHTS);
    new Int32Array(control.buffer, cmsghdr.size, fds.length).set(fds);
  }
  return syscall("sendmsg", `${fd}`, fd, header, MSG_NOSIGNAL);
}

/** recvmsg(2): one message of up to 32 KiB, empty at the peer's end, and the descriptors (close-on-exec) that came with it. */
export function recvmsg(
  fd: number,
  maxBytes: number,
  maxFds = 0,
): { bytes: Uint8Array<ArrayBuffer>; fds: number[] } {
  if (maxBytes > SCRATCH.length) {
    throw new RangeError(`Receive ${maxBytes} bytes: that is too much`);
  }
  const { header, parts } = message(SCRATCH, maxFds, maxBytes);
  const count = syscall("recvmsg", `${fd}`, fd, header, MSG_CMSG_CLOEXEC);
  const fds: number[] = [];
  const filled = Number(msghdr.get(header, "msg_controllen"));
  if (parts.control && filled >= cmsghdr.size) {
    const isRights = cmsghdr.get(parts.control, "cmsg_level") === SOL_SOCKET &&
      cmsghdr.get(parts.control, "cmsg_type") === SCM_RIGHTS;
    const length = Number(cmsghdr.get(parts.control, "cmsg_len")) - cmsghdr.size;
    if (isRights) fds.push(...new Int32Array(parts.control.buffer, cmsghdr.size, length / 4));
  }
  return { bytes: SCRATCH.slice(0, count), fds };
}

/** The header holds addresses: `parts` keeps what they point to alive as long as the caller uses it. */
function message(bytes: Uint8Array<ArrayBuffer>, fdCount: number, length = bytes.length) {
  const iovec = new BigUint64Array(new ArrayBuffer(16));
  iovec[0] = addressOf(bytes);
  iovec[1] = BigInt(length);
  const control = fdCount > 0 ? alloc(cmsghdr.size + Math.ceil(fdCount / 2) * 8) : undefined;
  const header = msghdr.encode({
    msg_iov: addressOf(new Uint8Array(iovec.buffer)),
    msg_iovlen: 1,
    msg_control: control ? addressOf(control) : 0,
    msg_controllen: control?.length ?? 0,
  });
  return { header, parts: { iovec, control } };
}
