import type { PullOptions } from "../image/pull.ts";
import type { Display } from "../image/transfer/display/kinds.ts";
import type { IDMapping } from "../oci/spec.ts";

/** One `-v SRC:DST[:ro,idmap]`; both paths absolute. */
export interface VolumeOption {
  readonly source: string;
  readonly destination: string;
  readonly readonly: boolean;
  /** Whether its files show through the mapping of the container's user namespace. */
  readonly idmap: boolean;
}

/** Where a container's network comes from. */
export type NetworkOption =
  | { readonly mode: "bridge" | "none" | "host" }
  | { readonly mode: "container"; readonly container: string };

/** When an image is pulled: where there is none, every time, or not at all. */
export type PullPolicy = "missing" | "always" | "never";

/** What a container may do, and what keeps it from doing more. */
export interface SecurityOptions {
  /** Names as `CAP_CHOWN`, or `ALL`. */
  readonly addedCapabilities: readonly string[];
  readonly droppedCapabilities: readonly string[];
  /** The policy for system calls: docker's, none, or that of a file. */
  readonly seccomp: "default" | "unconfined" | { readonly file: string };
  readonly noNewPrivileges: boolean;
  /** All capabilities and devices, nothing hidden, no policy. */
  readonly privileged: boolean;
  /** Whether nothing of the root file system can be changed. */
  readonly readonlyRoot: boolean;
  /** Whose ids the container has: the host's, some of its own that are free, or those of a mapping. */
  readonly userns: "host" | "auto" | readonly IDMapping[];
}

/** What `run` was asked for, checked and in the units of the kernel. */
export interface RunOptions extends SecurityOptions {
  readonly image: string;
  /** When it is pulled from its registry. */
  readonly pull: PullPolicy;
  /** `OS/ARCH[/VARIANT]`; that of this machine unless told. */
  readonly platform?: string;
  /** How its registry is spoken to. */
  readonly session: Omit<PullOptions, "platform" | "observe">;
  /** How it is shown how far a pull is; as standard error wants it unless told. */
  readonly progress?: Display;
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
  /** How many processes at most; 0 for any number, undefined for the default. */
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
}
