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

/** When an image is pulled: where there is none, every time, or not at all. */
export type PullPolicy = "missing" | "always" | "never";

/** What `run` was asked for, checked and in the units of the kernel. */
export interface RunOptions {
  readonly image: string;
  /** When it is pulled from its registry. */
  readonly pull: PullPolicy;
  /** `OS/ARCH[/VARIANT]`; that of this machine unless told. */
  readonly platform?: string;
  /** In place of the image's own; empty for none. */
  readonly entrypoint?: string;
  /** Empty where the image's own is to be run. */
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
  /** `USER[:GROUP]`; the image's own unless told. */
  readonly user?: string;
  readonly volumes: readonly VolumeOption[];
  readonly terminal: boolean;
  readonly remove: boolean;
  readonly noNewPrivileges: boolean;
}
