/** One `-v SRC:DST[:ro]`; both paths absolute. */
export interface VolumeOption {
  readonly source: string;
  readonly destination: string;
  readonly readonly: boolean;
}

/** Where a container's network comes from. */
export type NetworkOption =
  | { readonly mode: "bridge" | "none" | "host" }
  | { readonly mode: "container"; readonly container: string };

/** What `run` was asked for, checked and in the units of the kernel. */
export interface RunOptions {
  readonly image: string;
  readonly command: readonly string[];
  readonly imagesFolder: string;
  readonly containersFolder: string;
  /** CIDR addresses; the container's is undefined when any free one will do. */
  readonly bridgeAddress: string;
  readonly containerAddress?: string;
  readonly network: NetworkOption;
  /** CPU shares; 0 is unset. */
  readonly cpuShares: number;
  /** CPUs as a decimal fraction. */
  readonly cpus?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly pids?: number;
  readonly name?: string;
  readonly hostname?: string;
  /** `KEY=VALUE`. */
  readonly env: readonly string[];
  readonly workingFolder?: string;
  /** `USER[:GROUP]`. */
  readonly user: string;
  readonly volumes: readonly VolumeOption[];
  readonly terminal: boolean;
  readonly remove: boolean;
  readonly noNewPrivileges: boolean;
}
