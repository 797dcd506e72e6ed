import { ContainerError } from "../errors.ts";
import { runIp } from "../network/ip.ts";
import { inNetworkNamespace } from "../network/namespace.ts";
import { findProgram, runProgram } from "../program.ts";
import type { NetDevice } from "../oci/spec.ts";

/** What of a device on the host goes along with it. */
interface MovedDevice {
  readonly name: string;
  readonly up: boolean;
  /** As `ip addr add` takes them. */
  readonly addresses: readonly string[];
}

/** What `ip -json addr show` tells of a device; of an address without `dynamic` nobody gave it for a time only. */
interface DescribedDevice {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local?: string;
    readonly address?: string;
    readonly prefixlen: number;
    readonly scope: string;
    readonly broadcast?: string;
    readonly dynamic?: boolean;
  }[];
}

/**
 * Moves network devices of the host into the container's network namespace and sets them up there, with
 * their permanent global addresses (config-linux.md, "Network Devices").
 *
 * @param pid a process in that namespace.
 * @param undo gets the ways back, for a container that does not come to be.
 * @throws {ContainerError} for a device that is not there, or a name that is taken there.
 */
export function moveNetDevices(
  devices: Readonly<Record<string, NetDevice>>,
  pid: number,
  undo: DisposableStack,
): void {
  const theirs = `/proc/${pid}/ns/net`;
  for (const [host, { name = host }] of Object.entries(devices)) {
    const device = describe(host);
    const before = new Set(inNetworkNamespace(theirs, names));
    if (before.has(name)) {
      throw new ContainerError(
        `move the network device "${host}": the container has a "${name}" already`,
        { code: "InvalidSpec", hint: 'Give it another name, or one with "%d" for a number' },
      );
    }
    move(host, theirs, name);
    const inside = inNetworkNamespace(theirs, names).find((name) => !before.has(name)) ?? name;
    undo.defer(() =>
      inNetworkNamespace(theirs, (ours) => {
        move(inside, ours, host);
        inNetworkNamespace(ours, () => restore(host, device));
      })
    );
    inNetworkNamespace(theirs, () => restore(inside, { ...device, up: true }));
  }
}

function move(device: string, namespace: string, name: string): void {
  runIp([{
    label: `move the network device "${device}", as "${name}"`,
    line: `link set dev ${device} netns ${namespace} name ${name}`,
    check: `nsenter --net=${namespace} ip addr`,
  }]);
}

/** What a device loses with its namespace. */
function restore(name: string, { up, addresses }: Omit<MovedDevice, "name">): void {
  const lines = addresses.map((address) => `addr add ${address} dev ${name}`);
  if (up) lines.push(`link set dev ${name} up`);
  if (lines.length === 0) return;
  runIp(lines.map((line) => ({
    label: `give the network device "${name}" what it had`,
    line,
    check: "ip addr",
  })));
}

function describe(name: string): MovedDevice {
  const [device] = show(["addr", "show", "dev", name]);
  if (device === undefined) {
    throw new ContainerError(`move the network device "${name}": there is none of that name`, {
      code: "InvalidSpec",
      hint: "The devices of the host are shown by: ip link",
    });
  }
  const addresses = device.addr_info
    .filter(({ local, scope, dynamic }) => local !== undefined && scope === "global" && !dynamic)
    .map(({ local, address, prefixlen, broadcast }) =>
      [
        address === undefined ? `${local}/${prefixlen}` : `${local} peer ${address}/${prefixlen}`,
        broadcast === undefined ? "" : ` broadcast ${broadcast}`,
      ].join("")
    );
  return { name, up: device.flags.includes("UP"), addresses };
}

/** The names of the devices of the network namespace that this thread is in. */
function names(): string[] {
  return show(["link", "show"]).map(({ ifname }) => ifname);
}

function show(args: readonly string[]): DescribedDevice[] {
  const ip = findProgram("ip");
  if (ip === undefined) {
    throw new ContainerError("apply linux.netDevices: the program ip is not installed", {
      code: "Unsupported",
      hint: 'Install the package iproute2 ("apt install iproute2", "dnf install iproute")',
    });
  }
  const { success, stdout } = runProgram(ip, ["-json", ...args]);
  return success ? JSON.parse(stdout) as DescribedDevice[] : [];
}
