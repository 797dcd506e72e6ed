/** Network namespaces for trials, and TCP connections between them, all in the calling thread. */

import { alloc } from "../../ffi/struct.ts";
import { AT_FDCWD, CLONE_NEWNET, O_RDONLY } from "../../ffi/constants.ts";
import { close, Fd, openat } from "../../ffi/file.ts";
import { errno, syscall, trySyscall } from "../../ffi/libc.ts";
import { errnoName } from "../../ffi/errno.ts";
import { setns, unshare } from "../../ffi/namespace.ts";
import { inNetworkNamespace } from "../../lib/network/namespace.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;

/** A network namespace that lives as long as this object, held by a descriptor alone. */
export class Lab implements Disposable {
  readonly #fd: Fd;

  constructor() {
    using own = new Fd(openNamespace());
    unshare(CLONE_NEWNET);
    try {
      this.#fd = new Fd(openNamespace());
    } finally {
      setns(own.number, CLONE_NEWNET);
    }
  }

  /** The namespace's file. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd.number}`;
  }

  /** Does something inside. */
  do<T>(action: () => T): T {
    return inNetworkNamespace(this.path, action);
  }

  /** Runs a program inside and returns what it printed; throws when it fails. */
  run(command: string): string {
    const [program, ...args] = command.split(" ");
    return this.do(() => {
      const { success, stdout, stderr } = new Deno.Command(program!, { args }).outputSync();
      const said = new TextDecoder().decode(stdout);
      if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}${said}`);
      return said;
    });
  }

  /** A TCP server that accepts on all addresses. */
  listen(port: number): Server {
    return new Server(this.do(() => {
      const fd = syscall("socket", "tcp", AF_INET, SOCK_STREAM, 0);
      syscall("bind", `${port}`, fd, inet("0.0.0.0", port), 16);
      syscall("listen", `${port}`, fd, 128);
      return fd;
    }));
  }

  /**
   * Connects from inside, for at most `timeout` ms.
   *
   * @returns "connected", or the error's name: ECONNREFUSED when the host answered but nobody
   * listens, EINPROGRESS after the time.
   */
  connect(address: string, port: number, timeout = 1500): string {
    return this.do(() => {
      const fd = syscall("socket", "tcp", AF_INET, SOCK_STREAM, 0);
      try {
        const timeval = new BigInt64Array([
          BigInt(Math.floor(timeout / 1000)),
          BigInt(timeout % 1000) * 1000n,
        ]);
        const option = new Uint8Array(timeval.buffer);
        syscall("setsockopt", "SO_SNDTIMEO", fd, SOL_SOCKET, SO_SNDTIMEO, option, option.length);
        const result = trySyscall("connect", fd, inet(address, port), 16);
        return result === 0 ? "connected" : errnoName(errno());
      } finally {
        close(fd);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** A listening socket. */
export class Server implements Disposable {
  constructor(readonly fd: number) {}

  /** The address that the next connection comes from. */
  nextPeer(): string {
    const peer = alloc(16);
    const length = alloc(4);
    length[0] = 16;
    close(syscall("accept4", "", this.fd, peer, length, 0));
    return peer.subarray(4, 8).join(".");
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

/** A cable between two namespaces: its ends get these names and addresses and are set up. */
export function connectLabs(
  [a, nameA, addressA]: [Lab, string, string],
  [b, nameB, addressB]: [Lab, string, string],
  mtu = 1500,
): void {
  a.run(`ip link add ${nameA} mtu ${mtu} type veth peer name ${nameB} mtu ${mtu} netns ${b.path}`);
  a.run(`ip address add ${addressA} dev ${nameA}`);
  b.run(`ip address add ${addressB} dev ${nameB}`);
  a.run(`ip link set ${nameA} up`);
  b.run(`ip link set ${nameB} up`);
}

function openNamespace(): number {
  return openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
}

/** struct sockaddr_in, ip(7). */
function inet(address: string, port: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  address.split(".").forEach((octet, i) => bytes[4 + i] = Number(octet));
  return bytes;
}
