import type { SysError } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import type { Label } from "./launcher/image.ts";

/** What the child carries from step to step. */
export interface InitContext {
  /** Its end of the channel to the parent. */
  channel: number;
  /** A procfs that has this process, where it is outside of the container's pid namespace. */
  readonly proc?: number;
  /** The container's root, open (O_PATH); -1 before it is there. */
  root: number;
  /** The root that has got its /proc. */
  rootWithProc?: number;
  /** The sources of bind mounts to come, open, or why they are not; by their paths. */
  readonly sources: Map<string, Source>;
  /** Contexts of procfs that the container's first process has opened, where that is another one. */
  readonly procs?: number[];
  /** The host's /proc/self/fd, open, where this process is not in the container's cgroup; see regular.ts. */
  readonly own?: number;
  /** Takes both ends of the terminal, where the process that wants it is another one. */
  readonly takeTerminal?: (master: number, slave: number) => void;
  /** The parent's part, where the parent is this very process. */
  readonly actAsParent?: () => void;
  /** Whether what was opened for a step is closed by who has opened it. */
  readonly keepsTrees?: boolean;
  /** Whether root may not enter the working folder. */
  isFolderDenied?: boolean;
  /** The program's path, once it is found. */
  program?: string;
  /** Gives the channel to what becomes the program, where that is a launcher; see steps/exec.ts. */
  handOver?: () => void;
  /** Becomes the program. */
  become?: () => never;
  /** What SELinux is to make of the program, which the launcher says. */
  label?: Label;
  /** The value of HOME, where the config has none. */
  home?: string;
  /** Its number on the host, once the parent has told it. */
  pid?: number;
}

/** What a bind mount is to show, as the host had it before there was any mount of the container's. */
export interface Source {
  readonly opened: number | SysError;
  /** How many mounts it is for, still. */
  uses: number;
}

/**
 * Closes a mount that is in its place now.
 *
 * @param opened the one that was opened for the step, if there is one.
 */
export function closeMount({ keepsTrees }: InitContext, mount: number, opened?: number): void {
  if (!keepsTrees || mount !== opened) close(mount);
}

/** A failure of the child's that is not a system call's, in a sentence. */
export class InitError extends Error {
  override readonly name = "InitError";

  /** @param errno what the kernel would have refused it with, where engines go by that. */
  constructor(message: string, readonly errno = 0) {
    super(message);
  }
}
