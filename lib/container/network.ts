import { AT_FDCWD } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { chooseContainerAddress, type Lease, parseBridgeAddress } from "../network/addresses.ts";
import { type Bridge, fitted, prepareBridge, readyBridge } from "../network/bridge.ts";
import { type Cidr, formatCidr, parseCidr } from "../network/cidr.ts";
import { prepareNat } from "../network/nat.ts";
import { hostnameFile, hostsFile, type NetworkMode, resolverFile } from "../network/resolver.ts";
import { beginWire, hostVethName, reconnect, type Wire } from "../network/veth.ts";
import { configOf } from "../runtime/container.ts";
import type { ContainerRecord, ContainerState, StateRoot } from "../runtime/state.ts";
import { warn } from "../trace.ts";
import type { ContainerFolder } from "./folder.ts";
import { findContainer } from "./find.ts";
import type { RunOptions } from "./options.ts";
import { resolve } from "@std/path/posix/resolve";

/** A container's network, from the choice of its address to the wire. */
export interface Network {
  /** What the record has to remember of it. */
  readonly lease: ContainerRecord["network"];
  /** The namespace to join instead of having one. */
  readonly join?: string;
  /**
   * Brings bridge and address translation into being, and begins to make the way from the container's namespace to
   * the bridge; undefined where there is none.
   *
   * @param netns the namespace; without, it is made.
   */
  readonly connect?: (netns?: string) => Wire;
  /** Has the host do again what a bridged container needs of it, where others have undone that. */
  readonly keep?: () => void;
  /** Writes /etc/hosts, /etc/hostname and /etc/resolv.conf: [on the host, in the container]. */
  files(folder: ContainerFolder, hostname: string): (readonly [string, string])[];
}

/**
 * Works out the network that was asked for. Makes nothing yet.
 *
 * @param live all containers that there are; the caller holds the lock.
 */
export function prepareNetwork(
  root: StateRoot,
  id: string,
  options: RunOptions,
  live: readonly ContainerState[],
): Network {
  const { network } = options;
  switch (network.mode) {
    case "bridge":
      return bridged(root, id, options, live);
    case "container":
      return joined(root, findContainer(live, network.container));
    case "none":
    case "host":
      return {
        lease: undefined,
        files: (folder, hostname) => resolverFiles(folder, hostname, network.mode),
      };
  }
}

function bridged(
  root: StateRoot,
  id: string,
  options: RunOptions,
  live: readonly ContainerState[],
): Network {
  const bridgeAddress = parseBridgeAddress(options.bridgeAddress);
  const address = chooseContainerAddress({
    bridge: bridgeAddress,
    requested: options.containerAddress,
    leases: leasesOf(live),
  });
  const hostVeth = hostVethName(address, id);
  return {
    lease: { bridge: formatCidr(bridgeAddress), address: formatCidr(address), veth: hostVeth },
    connect: (netns) =>
      beginWire({ netns, hostVeth, bridge: prepareHost(root, id, bridgeAddress), address }),
    keep: () => keepHost(root, bridgeAddress),
    files: (folder, hostname) =>
      resolverFiles(folder, hostname, "bridge", { address, gateway: bridgeAddress }),
  };
}

/** Under the lock, since another container may be about to want another bridge address. */
function prepareHost(root: StateRoot, id: string, address: Cidr): Bridge {
  using _lock = root.lock();
  const bridge = fitted(readyBridge(address) ?? makeBridge(root, id, address));
  prepareNat(address);
  return bridge;
}

/** Where the bridge has another address by now, its rules are another one's affair. */
function keepHost(root: StateRoot, address: Cidr): void {
  try {
    using _lock = root.lock();
    if (readyBridge(address) !== undefined) prepareNat(address);
  } catch (error) {
    // The container runs on without.
    if (!(error instanceof Error)) throw error;
    warn(error.message);
  }
}

function makeBridge(root: StateRoot, id: string, address: Cidr): Bridge {
  const others = root.containers().filter(({ record }) => record.id !== id);
  const bridge = prepareBridge({ address, leases: leasesOf(others) });
  const ofBridge = others.flatMap(({ record: { network } }) =>
    network?.bridge === formatCidr(address) ? [network.veth] : []
  );
  reconnect(bridge, ofBridge);
  return bridge;
}

function leasesOf(containers: readonly ContainerState[]): Lease[] {
  return containers.flatMap(({ record }) =>
    record.network ? [{ id: record.id, address: record.network.address }] : []
  );
}

/**
 * The other's namespace, and so its names for hosts too. What that has of the network is this one's as well: nobody
 * else is to get it while one of the two lives.
 */
function joined(root: StateRoot, other: ContainerState): Network {
  const { network, init } = other.record;
  const addresses = network && {
    address: parseCidr(network.address, "the address of the other container"),
    gateway: parseCidr(network.bridge, "the address of its bridge"),
  };
  const mode = network === undefined ? "none" : "bridge";
  return {
    lease: network,
    join: `/proc/${init!.pid}/ns/net`,
    keep: addresses && (() => keepHost(root, addresses.gateway)),
    files: (folder, hostname) => resolverFiles(folder, hostname, mode, addresses, other),
  };
}

/** The file that a container has in a place; undefined where that is its root's, or gone. */
function sourceOf(container: ContainerState, destination: string): string | undefined {
  const mount = configOf(container).mounts?.findLast((mount) => mount.destination === destination);
  if (mount?.source === undefined) return undefined;
  const source = resolve(container.record.bundle, mount.source);
  return tryStatx(AT_FDCWD, source) === undefined ? undefined : source;
}

/** @param other whose files for names these are as well, where it has any. */
function resolverFiles(
  folder: ContainerFolder,
  hostname: string,
  mode: NetworkMode,
  addresses?: { readonly address: Cidr; readonly gateway: Cidr },
  other?: ContainerState,
): (readonly [string, string])[] {
  const file = (name: string, content: () => string): readonly [string, string] => {
    const destination = `/etc/${name}`;
    const source = other && sourceOf(other, destination);
    return [source ?? folder.writeFile(name, content()), destination];
  };
  return [
    file("hosts", () => hostsFile({ mode, hostname, ...addresses })),
    [folder.writeFile("hostname", hostnameFile(hostname)), "/etc/hostname"],
    file("resolv.conf", () => resolverFile(mode)),
  ];
}
