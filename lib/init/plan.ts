/**
 * The plan of a process of a container: all that is done from its making to `execve`, as data.
 *
 * It is made by lib/runtime/plan with every path, flag and number worked out. Where the process is the
 * launcher from its beginning on, gocontainer carries out the steps that make the root, from inside of the
 * namespaces (lib/runtime/launched_process.ts), and the launcher those that only the process itself can do
 * (launcher/init.ts). A forked child carries out all of it (runner.ts). Because it is data, it can be
 * shown (-explain), timed (-trace), compared without root, and broken on purpose at each step.
 */

import type { Launch } from "./launcher/image.ts";

/** A mount at `target`, a path inside the container's root. */
export interface MountStep {
  readonly do: "mount";
  readonly label: string;
  readonly target: string;
  /** `bind` takes a clone of the mount at `source`, `new` makes a superblock, `remount` changes what is mounted there. */
  readonly kind: "bind" | "new" | "remount";
  /** Path on the host for a bind mount, else the name shown in /proc/self/mountinfo. */
  readonly source: string;
  /** The clone, detached, where the parent had to open it; else the child takes it from `source`. */
  readonly tree?: number;
  /** What the child's clone is to the mounts that it is of: MS_SLAVE or MS_PRIVATE. */
  readonly spread?: number;
  readonly fstype: string;
  /** Bind what is mounted below the source too. */
  readonly recursive: boolean;
  /** Options of the file system itself, for fsconfig(2). */
  readonly options: readonly (readonly [key: string, value?: string])[];
  /** What only mount(2) can carry: values of over 255 bytes, and flags that fsconfig(2) has no name for. */
  readonly legacy?: { readonly flags: number; readonly data: string };
  /** Folders that the options name by descriptor, to be opened again in the mount namespace of the mount. */
  readonly folders?: readonly OpenFolder[];
  /** MOUNT_ATTR_* to set and clear on the mount, and on all below it. */
  readonly set: number;
  readonly clear: number;
  readonly recursiveSet: number;
  readonly recursiveClear: number;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC for all below. */
  readonly propagation: readonly number[];
  /** A user namespace whose mapping the files show; of a `tree` they do already. */
  readonly idmap?: { readonly userns: number; readonly recursive: boolean };
  /** The pid namespace that a procfs shows, where it is not that of the process that mounts it. */
  readonly pidns?: number;
  /** A tmpfs without a mode of its own has that of the folder it covers. */
  readonly inheritMode?: boolean;
  /** Copy what the root has at `target` into the new file system (tmpcopyup). */
  readonly copyUp: boolean;
}

/** A folder of the host that is open as `fd`. */
export interface OpenFolder {
  readonly fd: number;
  readonly path: string;
}

/**
 * The container's root: the folder `path` bound onto itself, or the overlay of a mount at `/`. What the
 * parent has opened already is `tree`; `attached` where it has its place too.
 */
export interface RootStep {
  readonly do: "root";
  readonly label: string;
  readonly path: string;
  readonly tree?: number;
  readonly attached?: boolean;
  readonly overlay?: MountStep;
  /** What the clone of `path` that the child makes becomes to what is mounted there. */
  readonly spread?: number;
}

/**
 * One hierarchy of a container's cgroups: made anew by `options`, or the cgroup itself, as a `tree` or to be
 * cloned of the folder `source`.
 */
export interface HierarchyMount {
  readonly name: string;
  readonly options?: readonly string[];
  readonly tree?: number;
  readonly source?: string;
}

/** One device node; `mode` is type and permission bits. */
export interface DeviceNode {
  readonly path: string;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
  readonly uid: number;
  readonly gid: number;
  /** The host's node, to be bound where no nodes can be made: in a user namespace. */
  readonly tree?: number;
  /** The same, to be cloned by the child: what it becomes to what is mounted at the path. */
  readonly spread?: number;
}

/** The user, his groups and his rights. Capability masks have bit n for capability n. */
export interface CredentialsStep {
  readonly do: "become user";
  readonly label: string;
  readonly uid: number;
  readonly gid: number;
  /** Without, his groups stay the caller's. */
  readonly groups?: readonly number[];
  readonly umask: number;
  readonly capabilities: CapabilityMasks;
  /** What stays permitted besides until {@link SeccompStep} has needed it. */
  readonly retained: bigint;
}

/** The five sets of capabilities(7). */
export interface CapabilityMasks {
  readonly bounding: bigint;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

/** A filter for seccomp(2). */
export interface SeccompFilter {
  /** Struct sock_filter, 8 bytes each. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** SECCOMP_FILTER_FLAG_*. */
  readonly flags: number;
}

/** The filter is loaded by this process, and what that took is given up. */
export interface SeccompStep {
  readonly do: "seccomp";
  readonly label: string;
  readonly filter: SeccompFilter;
  /** Without no_new_privs: the sets of the program, of which CAP_SYS_ADMIN need not be one. */
  readonly capabilities?: CapabilityMasks;
  /** Whether the listener goes to the parent, who waits for it. */
  readonly notify: boolean;
}

/** What becomes the program is made, while nothing limits this process yet. */
export interface LauncherStep {
  readonly do: "launcher";
  readonly label: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** What is set, and loaded, as the last thing of all. */
  readonly limits?: Launch["limits"];
  readonly filter?: SeccompFilter;
  /** The startContainer hooks, which the launcher runs. */
  readonly hooks?: ContainerHooks;
  /** Where the launcher is what waits for the start. */
  readonly listener?: number;
  /** Whether the program is a process of its own, which alone is in the container's pid namespace. */
  readonly sibling?: Launch["sibling"];
}

/** The program that was found, by way of {@link LauncherStep}. */
export interface ExecStep {
  readonly do: "exec";
  readonly label: string;
}

/** A program that is run on the way, with the container's state on its standard input. */
export interface HookCall {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Milliseconds; for ever without. */
  readonly timeout?: number;
}

/** Hooks of the container's own side. */
export interface ContainerHooks {
  readonly hooks: readonly HookCall[];
  /** The container's state for the hooks' standard input; the pid is put in. */
  readonly state: Record<string, unknown>;
}

/** One step of the plan. Each kind has its file in steps/. */
export type Step =
  /**
   * `keep` descriptors from 3 on are for the program, those in `close` for nobody. `dumpable`: whether a parent
   * without rights has yet to write files of its in /proc.
   */
  | {
    readonly do: "start afresh";
    readonly label: string;
    readonly keep: number;
    readonly close: readonly number[];
    readonly dumpable?: boolean;
  }
  | { readonly do: "die with parent"; readonly label: string }
  | { readonly do: "join cgroups"; readonly label: string; readonly fds: readonly number[] }
  | {
    readonly do: "join namespace";
    readonly label: string;
    readonly fd: number;
    readonly flag: number;
  }
  | { readonly do: "unshare"; readonly label: string; readonly flags: number }
  | { readonly do: "join session keyring"; readonly label: string; readonly name: string }
  | { readonly do: "lo up"; readonly label: string }
  | { readonly do: "own root"; readonly label: string }
  | { readonly do: "propagation"; readonly label: string; readonly flags: number }
  /** Of bind mounts that the child makes: absolute, each once for every mount that it is the source of. */
  | { readonly do: "open sources"; readonly label: string; readonly paths: readonly string[] }
  | RootStep
  | MountStep
  | {
    readonly do: "cgroup mounts";
    readonly label: string;
    readonly target: string;
    /** One for each hierarchy, in the folder of its name below a tmpfs; a single one without a name is v2 alone. */
    readonly hierarchies: readonly HierarchyMount[];
    readonly links: readonly (readonly [name: string, target: string])[];
    readonly readonly: boolean;
    readonly propagation: MountStep["propagation"];
  }
  | { readonly do: "device nodes"; readonly label: string; readonly nodes: readonly DeviceNode[] }
  | {
    readonly do: "links";
    readonly label: string;
    readonly links: readonly (readonly [path: string, target: string])[];
  }
  /**
   * `controlling`: whether it becomes the controlling terminal of this process, `console`: the container's
   * /dev/console.
   */
  | {
    readonly do: "terminal";
    readonly label: string;
    readonly uid: number;
    readonly controlling: boolean;
    readonly console: boolean;
    readonly size?: { readonly rows: number; readonly columns: number };
  }
  | { readonly do: "read-only paths"; readonly label: string; readonly paths: readonly string[] }
  | { readonly do: "masked paths"; readonly label: string; readonly paths: readonly string[] }
  | {
    readonly do: "sysctl";
    readonly label: string;
    readonly values: readonly (readonly [file: string, value: string])[];
  }
  | { readonly do: "make working folder"; readonly label: string; readonly path: string }
  | { readonly do: "enter working folder"; readonly label: string; readonly path: string }
  /** Where root was denied it. */
  | { readonly do: "enter working folder as user"; readonly label: string; readonly path: string }
  | { readonly do: "pivot root"; readonly label: string }
  | { readonly do: "move root"; readonly label: string }
  /** `fd` is the folder; without it the container's root as it was mounted. */
  | { readonly do: "change root"; readonly label: string; readonly fd?: number }
  | { readonly do: "root propagation"; readonly label: string; readonly flag: number }
  | { readonly do: "read-only root"; readonly label: string }
  | { readonly do: "hostname"; readonly label: string; readonly name: string }
  | { readonly do: "domainname"; readonly label: string; readonly name: string }
  | {
    readonly do: "rlimits";
    readonly label: string;
    readonly limits: readonly { resource: number; soft: bigint; hard: bigint }[];
  }
  | { readonly do: "cpu affinity"; readonly label: string; readonly cpus: readonly number[] }
  | {
    readonly do: "memory policy";
    readonly label: string;
    readonly mode: number;
    readonly nodes: readonly number[];
  }
  | { readonly do: "personality"; readonly label: string; readonly persona: number }
  /** `file` below /proc/self/attr. */
  | {
    readonly do: "security label";
    readonly label: string;
    readonly file: string;
    readonly value: string;
  }
  | { readonly do: "no new privileges"; readonly label: string }
  | { readonly do: "wait for mappings"; readonly label: string }
  | { readonly do: "become root"; readonly label: string; readonly keepsGroups?: boolean }
  | { readonly do: "wait for parent"; readonly label: string }
  /** The createContainer hooks: files of the host. */
  | { readonly do: "container hooks"; readonly label: string; readonly folder: string }
    & ContainerHooks
  | { readonly do: "tell ready"; readonly label: string }
  /** `listener` is a socket to wait on where the parent does not stay. */
  | { readonly do: "wait for start"; readonly label: string; readonly listener?: number }
  | { readonly do: "take root"; readonly label: string }
  | CredentialsStep
  | SeccompStep
  | LauncherStep
  /** The launcher, where there is one, has the channel from now on. */
  | { readonly do: "hand over"; readonly label: string }
  /** The user's folder in the container's /etc/passwd becomes HOME. */
  | { readonly do: "find home"; readonly label: string; readonly uid: number }
  /** `path`: the folders of the container's PATH; unused when the name has a slash. */
  | {
    readonly do: "find program";
    readonly label: string;
    readonly name: string;
    readonly path: readonly string[];
  }
  | ExecStep;

/** The kind of a step. */
export type StepKind = Step["do"];

/** A step of one kind. */
export type StepOf<K extends StepKind> = Extract<Step, { do: K }>;

/** The whole plan. */
export type Plan = readonly Step[];
