import { SysError } from "../ffi/errno.ts";
import { fileSizeLimit } from "./file_size_limit.ts";
import { escaped, escapeHidden } from "./quote.ts";

export { SysError };

/** What kind of failure a {@link ContainerError} is: decides the exit code and lets callers tell cases apart. */
export type ErrorCode =
  | "NotFound"
  | "Exists"
  | "InUse"
  | "Damaged"
  | "WrongState"
  | "InvalidSpec"
  | "InvalidArgument"
  | "InvalidArchive"
  | "NotAllowed"
  | "Unsupported"
  | "CommandNotFound"
  | "CommandNotExecutable"
  | "OutOfMemory"
  | "Failed";

/** The most characters of a message: what is quoted in it may be of any length. */
const LONGEST_MESSAGE = 2000;

/** Characters that would end the line, or that a terminal would act upon, besides those that are hidden. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f]/g;

/**
 * A message in one line that can be shown, whatever is quoted in it: without its middle where it is too long,
 * as the action stands first and the reason last.
 */
export function oneLine(message: string): string {
  const half = LONGEST_MESSAGE / 2;
  const short = message.length <= LONGEST_MESSAGE
    ? message
    : `${message.slice(0, half)} … ${message.slice(-half)}`;
  return escapeHidden(short.replace(CONTROL, escaped));
}

/**
 * A failure told to the user in one sentence: the action that failed first, values quoted, no final
 * period. `hint` is the second line, what to do about it, where that is known.
 */
export class ContainerError extends Error {
  override readonly name = "ContainerError";
  readonly code: ErrorCode;
  readonly hint?: string;

  constructor(message: string, options: { code?: ErrorCode; hint?: string; cause?: unknown } = {}) {
    super(oneLine(message), { cause: options.cause });
    this.code = options.code ?? "Failed";
    this.hint = options.hint === undefined ? undefined : oneLine(options.hint);
  }
}

/** Arguments that make no sense: told with the usage, exit code 1. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint?: string;
  /** Whether the usage is told with all options: for who typed too little to know what there is. */
  readonly allOptions: boolean;

  constructor(
    message: string,
    options: { hint?: string; allOptions?: boolean; cause?: unknown } = {},
  ) {
    super(oneLine(message), { cause: options.cause });
    this.hint = options.hint === undefined ? undefined : oneLine(options.hint);
    this.allOptions = options.allOptions ?? false;
  }
}

/**
 * What to do about an error, told as a second line: its own hint, or what is known of a system call among its causes,
 * such as the kernel to use when this one does not have it.
 */
export function hintOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof ContainerError || at instanceof UsageError) {
      if (at.hint !== undefined) return at.hint;
    } else if (at instanceof SysError) {
      const hint = hintOfCall(at);
      if (hint !== undefined) return hint;
    }
  }
  return undefined;
}

/** What to do where something cannot be written: what the error itself says, or else by whether the disk is full. */
export function hintForWriting(error: unknown, whenFull: string, otherwise: string): string {
  return hintOf(error) ?? (isFull(error) ? whenFull : otherwise);
}

/** What to do about limits that a helper program meets as well. */
export const TOO_MANY_FILES =
  "This process may have no more files open: raise the limit (ulimit -n)";
export const TOO_MANY_PROCESSES =
  "A limit of processes is reached: see ulimit -u and pids.max of the cgroup";

/** Calls that make namespaces, and those that make mounts. */
const NAMESPACE_CALLS: readonly string[] = ["clone3", "unshare"];
const MOUNT_CALLS: readonly string[] = ["fsmount", "mount", "move_mount", "open_tree"];

function hintOfCall({ call, code }: SysError): string | undefined {
  switch (code) {
    case "ENOSYS":
      return `The kernel has no ${call}(2): use Linux 5.12 or later`;
    case "EMFILE":
      return TOO_MANY_FILES;
    case "ENFILE":
      return "This machine may have no more files open: raise /proc/sys/fs/file-max";
    case "EFBIG": {
      const limit = fileSizeLimit();
      return limit === undefined
        ? undefined
        : `This process may write no file of more than ${limit} bytes: raise the limit (ulimit -f)`;
    }
    case "ENOSPC":
      if (NAMESPACE_CALLS.includes(call)) {
        return "A limit of namespaces is reached: see /proc/sys/user/max_*_namespaces";
      }
      // The kernel takes a mount that is nowhere yet for a namespace.
      return MOUNT_CALLS.includes(call)
        ? "A limit of mounts is reached: see /proc/sys/fs/mount-max and /proc/sys/user/max_mnt_namespaces"
        : undefined;
    default:
      return undefined;
  }
}

/** Whether an error says that the disk, or the user's share of it, is full. */
export function isFull(error: unknown): boolean {
  return error instanceof SysError && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** What the system said of an error, without the number and path that Deno adds. */
export function reasonOf(error: unknown): string {
  return textOf(error).replace(/ \(os error \d+\).*$/s, "");
}

/** An error's message, with the action first where it is one of Deno's own, which have it last. */
export function messageOf(error: unknown): string {
  return textOf(error).replace(
    /^(.*) \(os error \d+\)(?:: (.+))?$/s,
    (_, reason, action) => action === undefined ? reason : `${action}: ${reason}`,
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
