import { SysError } from "../../ffi/errno.ts";
import { type Fd, readFile } from "../../ffi/file.ts";
import { isRunning, wayTo } from "../../ffi/netdevice.ts";
import { poll } from "../../ffi/poll.ts";
import { BR_STATE_FORWARDING, RouteSocket } from "../../ffi/rtnetlink.ts";
import { ContainerError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import { type Bridge, checkIsBridge, warnOfSameSubnet } from "./bridge.ts";
import { type Cidr, formatAddress, formatCidr, networkOf } from "./cidr.ts";
import { closePort, guardPort } from "./guard.ts";
import { type IpCommand, runIp, startIp } from "./ip.ts";
import { macAddress } from "./mac.ts";
import { inNetworkNamespace, inNewNetworkNamespace, ownNetworkNamespace } from "./namespace.ts";
import { writeSysctl } from "./sysctl.ts";
import { WayOut } from "./way_out.ts";

/** The interface inside the container. */
const INNER = "eth0";

/** How many hexadecimal digits of a host end's name are made of the container's id. */
const OF_ID = 3;

/**
 * The host end's name: `veth`, the container's address in 8 hexadecimal digits, and 3 made of its id, which fills the
 * 15 characters that a name may have. So it is seen who has had an address before.
 */
export function hostVethName(address: Pick<Cidr, "address">, id: string): string {
  // FNV-1a (RFC 9923) with 32 bits.
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return "veth" + hex(address.address, 8) + hex(hash, 8).slice(-OF_ID);
}

/** Whether an interface has such a name. */
export function isHostVeth(name: string): boolean {
  return /^veth[0-9a-f]{11}$/.test(name);
}

function hex(number: number, digits: number): string {
  return (number >>> 0).toString(16).padStart(digits, "0");
}

/** A container's network namespace, and the network that it is getting. When it is disposed of, nothing goes on. */
export interface Wire extends Disposable {
  /** The namespace, open until all is finished; undefined for one that was there before. */
  readonly namespace?: Fd;
  /**
   * Waits until all has been made, and does what is left to do on the host then. Returns when packets pass.
   *
   * @throws {ContainerError} that names the command that failed.
   */
  finish(): void;
  /**
   * What the container has not to wait for: has nobody else speak under the address any more, and tells of others that
   * have the bridge's subnet.
   */
  lookAround(): void;
  /** Tells of firewalls that have begun to keep the container from the outside. */
  lookOutside(): Promise<void>;
}

/**
 * Begins to give a container its network: `eth0` with its address and a default route through the bridge, and
 * `lo`.
 *
 * All is done by one `ip` process inside the container's namespace, from where it makes the host's
 * end in the host's: so each end is born where it belongs. An end that is moved costs 20 ms, the
 * kernel's wait for all processors (synchronize_net). The pair goes with the container's namespace.
 *
 * @throws {ContainerError} InUse when another route has the address.
 * @throws {SysError} when the namespace cannot be entered.
 */
export function beginWire(options: {
  /** The container's network namespace: `/proc/1234/ns/net`. Without, a new one is made. */
  netns?: string;
  /** See {@link hostVethName}. */
  hostVeth: string;
  bridge: Bridge;
  address: Cidr;
}): Wire {
  const { netns, hostVeth, bridge, address } = options;
  checkRoute(bridge, address);
  using undo = new DisposableStack();
  using undoLasting = new DisposableStack();
  // ip reaches it through this process, after that has come back.
  const host = undo.use(ownNetworkNamespace());
  const own = `/proc/${Deno.pid}/fd/${host.number}`;
  let commands: readonly IpCommand[] = [];
  let wayOut: WayOut | undefined;
  const connect = () => {
    wayOut = undoLasting.use(new WayOut(address));
    limitIPv6();
    trustUsers();
    commands = connectCommands({ own, hostVeth, bridge, address });
    return undo.use(startIp(commands));
  };
  const { namespace, result: ip } = netns === undefined
    ? inNewNetworkNamespace(connect)
    : { namespace: undefined, result: inNetworkNamespace(netns, connect) };
  if (namespace !== undefined) undo.use(namespace);
  const begun = undo.move();
  const lasting = undoLasting.move();
  return {
    namespace,
    finish: () => {
      using _begun = begun;
      if (!ip.wait()) {
        checkIsBridge();
        // Once more, where what it says is heard.
        removeVeth(hostVeth);
        inNetworkNamespace(netns ?? namespaceFile(namespace!), () => runIp(commands));
      }
      guardPort(hostVeth, address);
      awaitForwarding(hostVeth, bridge);
    },
    lookAround: () => {
      predecessorsOf(hostVeth).forEach(closePort);
      warnOfSameSubnet(bridge);
    },
    lookOutside: async () => {
      if (wayOut?.hasClosed()) (await import("./firewalls.ts")).warnOfRefusal(wayOut);
    },
    [Symbol.dispose]: () => {
      begun.dispose();
      lasting.dispose();
    },
  };
}

/** The path by which this process reaches an open namespace. */
function namespaceFile({ number }: Fd): string {
  return `/proc/self/fd/${number}`;
}

/** The host ends of containers that have had the same address, and are not gone with them. */
function predecessorsOf(hostVeth: string): string[] {
  const ofAddress = hostVeth.slice(0, -OF_ID);
  return readFile("/proc/thread-self/net/dev").split("\n")
    .map((line) => line.slice(0, line.indexOf(":")).trimStart())
    .filter((name) => name.startsWith(ofAddress) && name !== hostVeth);
}

/**
 * Connects host ends that hang loose to the bridge: whoever deleted the one before has cut off the containers that
 * were there.
 */
export function reconnect(bridge: Bridge, hostVeths: readonly string[]): void {
  using socket = new RouteSocket();
  for (const name of hostVeths) {
    const link = socket.link(name);
    if (link?.kind !== "veth" || link.master !== undefined) continue;
    try {
      runIp([{
        label: `connect ${name}, whose bridge was deleted, to the new one`,
        line: `link set ${name} master ${bridge.name}`,
        check: `ip link show master ${bridge.name}`,
      }]);
    } catch (error) {
      // Its container may have ended meanwhile.
      if (vethExists(name)) throw error;
    }
  }
}

/** Whether a host end is still there. */
export function vethExists(name: string): boolean {
  using socket = new RouteSocket();
  return socket.link(name)?.kind === "veth";
}

/** Deletes a host end that outlived its container, with its peer (16 to 28 ms); false when it was gone. */
export function removeVeth(name: string): boolean {
  if (!vethExists(name)) return false;
  try {
    const label = `delete the veth pair ${name}`;
    runIp([{ label, line: `link delete ${name}`, check: "ip -brief link" }]);
  } catch (error) {
    // The kernel may have taken it along with its namespace meanwhile.
    if (vethExists(name)) throw error;
    return false;
  }
  return true;
}

function connectCommands(options: {
  own: string;
  hostVeth: string;
  bridge: Bridge;
  address: Cidr;
}): IpCommand[] {
  const { own, hostVeth, bridge, address } = options;
  const { mtu } = bridge;
  const gateway = formatAddress(bridge.address);
  const inside = "nsenter -t <pid> -n ip";
  return [{
    label: "set the container's loopback interface up",
    line: "link set lo up",
    check: `${inside} address show lo`,
  }, {
    label: `make a veth pair, a cable from ${hostVeth} at the bridge to ${INNER} in the container`,
    line: `link add ${hostVeth} netns ${own} master if${bridge.index} up mtu ${mtu} ` +
      `type veth peer name ${INNER} mtu ${mtu} address ${macAddress(address)}`,
    check: `ip link show master ${bridge.name}`,
  }, {
    label: `give ${INNER} its address`,
    line: `address add ${formatCidr(address)} dev ${INNER}`,
    check: `${inside} address show ${INNER}`,
  }, {
    label: `set ${INNER} up`,
    line: `link set ${INNER} up`,
    check: `${inside} link show ${INNER}`,
  }, {
    label: "send what is not for the subnet to the bridge",
    line: `route add default via ${gateway}`,
    check: `${inside} route`,
  }];
}

/**
 * IPv6 stays on the loopback interface: the subnet has IPv4 only, and on `eth0` every container could
 * tell the others their routes (CVE-2020-13401). Interfaces made later take over the defaults.
 */
function limitIPv6(): void {
  step({
    label: `leave IPv6 to the loopback interface, and no router advertisements to ${INNER}`,
    call: 'write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"), …/accept_ra "0"',
    check: "nsenter -t <pid> -n sysctl net.ipv6.conf.default.{disable_ipv6,accept_ra}",
  }, () => {
    writeSysctl("ipv6/conf/default/accept_ra", 0);
    writeSysctl("ipv6/conf/default/disable_ipv6", 1);
  });
}

/**
 * In a network of the container's own, what root is asked for elsewhere harms nobody: images whose user is another one
 * listen on port 80 and ping, as docker lets them. icmp(7), ip(7).
 */
function trustUsers(): void {
  step({
    label: "let users who are not root ping, and listen on ports below 1024",
    call:
      'write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"), …/ip_unprivileged_port_start "0"',
    check:
      "nsenter -t <pid> -n sysctl net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start",
  }, () => {
    writeSysctl("ipv4/ping_group_range", "0 2147483647");
    writeSysctl("ipv4/ip_unprivileged_port_start", 0);
  });
}

/**
 * Something else may have taken the subnet since the bridge was made, such as a VPN.
 *
 * @throws {ContainerError} InUse when packets to the address would not leave by the bridge.
 */
function checkRoute(bridge: Bridge, address: Cidr): void {
  if (wayTo(address.address)?.source === bridge.address.address) return;
  using socket = new RouteSocket();
  const index = socket.routeTo(address.address)?.index;
  const other = index === undefined ? undefined : socket.link(index)?.name;
  const way = other === undefined ? "by no interface" : `by the interface "${other}"`;
  throw new ContainerError(
    `connect a container with the address ${formatAddress(address)} to "${bridge.name}": ` +
      `the host reaches this address ${way}`,
    {
      code: "InUse",
      hint: `See "ip route get ${formatAddress(address)}"; -bridge-addr chooses another subnet ` +
        `than ${formatCidr(networkOf(bridge.address))}`,
    },
  );
}

/**
 * Waits until the bridge carries the port's packets, and the host's own to it. The kernel tells the bridge of the new
 * carrier a little later, from a work queue, and by it the host, where it is the only one; packets before that are
 * lost, and a lost ARP request or answer costs the program a second.
 */
function awaitForwarding(hostVeth: string, bridge: Bridge): void {
  step({
    label: "wait until the bridge carries the container's packets",
    call: `read("/sys/class/net/${hostVeth}/brport/state") until it is 3, forwarding; SIOCGIFFLAGS`,
    check: `bridge link show dev ${hostVeth}`,
  }, () => {
    const GIVE_UP = 500;
    for (let waited = 0; waited < GIVE_UP; waited++) {
      if (portState(hostVeth) === BR_STATE_FORWARDING && isRunning(bridge.name)) return;
      poll([], 1);
    }
    warn(
      `the bridge "${bridge.name}" does not carry the packets of "${hostVeth}" after ${GIVE_UP} ms ` +
        `(see "bridge link show dev ${hostVeth}")`,
    );
  });
}

function portState(hostVeth: string): number | undefined {
  try {
    return Number(readFile(`/sys/class/net/${hostVeth}/brport/state`));
  } catch (error) {
    if (!(error instanceof SysError && error.code === "ENOENT")) throw error;
    // /sys may show another network namespace than ours; the socket does not, but takes longer.
    using socket = new RouteSocket();
    return socket.link(hostVeth)?.portState;
  }
}
