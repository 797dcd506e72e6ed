import { cstring } from "./cstring.ts";
import { close } from "./file.ts";
import { errno, syscall, trySyscall } from "./libc.ts";
import { errnoName, SysError } from "./errno.ts";
import { alloc } from "./struct.ts";

/** struct ifreq, netdevice(7): 16 bytes for the name, then a union of what is asked for. */
const IFREQ_SIZE = 40;
const IFR_DATA = 16;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFADDR = 0x8915;
const SIOCGIFNETMASK = 0x891b;
const SIOCGIFMTU = 0x8921;
const SIOCGIFINDEX = 0x8933;
/** Where struct sockaddr_in has the address, ip(7). */
const SIN_ADDR = 4;

/** What netdevice(7) tells of an interface. Addresses are numbers in host order. */
export interface NetDevice {
  readonly index: number;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** The first IPv4 address; undefined when it has none. */
  readonly address: number | undefined;
  readonly netmask: number | undefined;
}

/** The index of an interface of the calling thread's network namespace; undefined when there is none with that name. */
export function interfaceIndex(name: string): number | undefined {
  const fd = udpSocket();
  try {
    return askIndex(fd, requestFor(name), name);
  } finally {
    close(fd);
  }
}

/**
 * An interface of the calling thread's network namespace, or undefined when there is none with that
 * name. Five ioctls of netdevice(7), for the answers that cost least.
 */
export function netDevice(name: string): NetDevice | undefined {
  const request = requestFor(name);
  const view = new DataView(request.buffer);
  const fd = udpSocket();
  try {
    const index = askIndex(fd, request, name);
    if (index === undefined) return undefined;
    const ask = (call: number) => trySyscall("ioctl", fd, call, request) !== -1;
    const up = ask(SIOCGIFFLAGS) && (view.getUint16(IFR_DATA, true) & IFF_UP) !== 0;
    const mtu = ask(SIOCGIFMTU) ? view.getInt32(IFR_DATA, true) : 0;
    const address = ask(SIOCGIFADDR) ? view.getUint32(IFR_DATA + SIN_ADDR, false) : undefined;
    const netmask = ask(SIOCGIFNETMASK) ? view.getUint32(IFR_DATA + SIN_ADDR, false) : undefined;
    return { index, up, mtu, address, netmask };
  } finally {
    close(fd);
  }
}

/** Whether an interface is there, up, and carries packets, IFF_RUNNING of netdevice(7). */
export function isRunning(name: string): boolean {
  const request = requestFor(name);
  const fd = udpSocket();
  try {
    return trySyscall("ioctl", fd, SIOCGIFFLAGS, request) !== -1 &&
      (new DataView(request.buffer).getUint16(IFR_DATA, true) & IFF_RUNNING) !== 0;
  } finally {
    close(fd);
  }
}

function requestFor(name: string): Uint8Array<ArrayBuffer> {
  const request = alloc(IFREQ_SIZE);
  request.set(cstring(name));
  return request;
}

function askIndex(fd: number, request: Uint8Array<ArrayBuffer>, name: string): number | undefined {
  if (trySyscall("ioctl", fd, SIOCGIFINDEX, request) !== -1) {
    return new DataView(request.buffer).getInt32(IFR_DATA, true);
  }
  if (errnoName(errno()) === "ENODEV") return undefined;
  throw new SysError("ioctl", errno(), `SIOCGIFINDEX ${JSON.stringify(name)}`);
}

/** How packets to some address leave. */
export interface WayTo {
  /** The own address from which they are sent, which tells the interface. A number in host order. */
  readonly source: number;
  /** How large they may be, in bytes, by that interface and its route. */
  readonly mtu: number;
}

/**
 * How packets to `destination` would leave; undefined when there is no way. A datagram socket is connected, udp(7): the
 * kernel looks the route up and nothing is sent.
 */
export function wayTo(destination: number): WayTo | undefined {
  const IPPROTO_IP = 0, IP_MTU = 14;
  const address = alloc(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, 9, false);
  view.setUint32(SIN_ADDR, destination, false);
  const length = alloc(4);
  length[0] = address.length;
  const fd = udpSocket();
  try {
    if (trySyscall("connect", fd, address, address.length) === -1) return undefined;
    syscall("getsockname", `${fd}`, fd, address, length);
    const source = view.getUint32(SIN_ADDR, false);
    syscall("getsockopt", "IP_MTU", fd, IPPROTO_IP, IP_MTU, address, length);
    return { source, mtu: view.getInt32(0, true) };
  } finally {
    close(fd);
  }
}

/**
 * Sets the loopback interface of the calling thread's network namespace up, by SIOCSIFFLAGS
 * (netdevice(7)); the kernel gives it 127.0.0.1 and ::1 by itself.
 */
export function setLoopbackUp(): void {
  const request = requestFor("lo");
  const fd = udpSocket();
  try {
    syscall("ioctl", 'SIOCGIFFLAGS "lo"', fd, SIOCGIFFLAGS, request);
    const view = new DataView(request.buffer);
    view.setUint16(IFR_DATA, view.getUint16(IFR_DATA, true) | IFF_UP, true);
    syscall("ioctl", 'SIOCSIFFLAGS "lo" up', fd, SIOCSIFFLAGS, request);
  } finally {
    close(fd);
  }
}

/** socket(2): netdevice(7) takes its calls on any socket. */
function udpSocket(): number {
  return syscall("socket", "udp", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}
