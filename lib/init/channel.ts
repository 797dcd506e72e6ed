/**
 * The handshake of a container's maker with its first process, over one socket pair that keeps message borders.
 * The first process is the launcher (launcher/init.ts), and the maker builds the root:
 *
 *     lib/runtime                         the launcher
 *        │  unshare, clone3 ─────────────────▶ │  is in the namespaces, joins the cgroups
 *        │ ◀── opened {fd} ──────────────────  │  for each procfs: its context is in the launcher
 *        │ ◀── begun ────────────────────────  │
 *        │  mounts, devices, …; setns back     │  waits
 *        │  go ──────────────────────────────▶ │  becomes its second program: user, capabilities
 *        │ ◀── ready ────────────────────────  │  the container is built
 *        │  go ──────────────────────────────▶ │  becomes the program
 *        │ ◀── exec {path, …} ───────────────  │  why execve would fail, if it does
 *        │ ◀── ended {status} ───────────────  │  for each startContainer hook
 *        │  go ──────────────────────────────▶ │
 *        │ ◀── refused {failure, errno}, or end of file: close-on-exec, the program runs
 *
 * Or it is forked, and builds the root itself: with a user namespace, which nobody comes back from; in the pid
 * namespace of others:
 *
 *     lib/runtime (parent)                lib/init (child)
 *        │  clone3 ──────────────────────────▶ │  namespaces are there, empty
 *        │ ◀── born {pid} ───────────────────  │  only from a joiner, which made the child and ends
 *        │  go ──────────────────────────────▶ │  only with a new user namespace: its ids are mapped
 *        │                                     │  runs its plan: cgroups, mounts, devices, …
 *        │  (network, meanwhile)               │
 *        │ ◀── built ────────────────────────  │  only with hooks or network devices: the namespaces
 *        │  go ──────────────────────────────▶ │  and mounts are there, the parent does its part
 *        │ ◀── console, with the pty's master  │  only with a terminal
 *        │ ◀── ready ────────────────────────  │  the container is built
 *        │  go ──────────────────────────────▶ │  becomes the program
 *        │ ◀── listener {fd} ─────────────────  │  only with seccomp's NOTIFY: the parent fetches it
 *        │  go ──────────────────────────────▶ │
 *        │ ◀── exec {path, …} ───────────────  │  why execve would fail, if it does
 *        │ ◀── ended {status} ───────────────  │  for each startContainer hook: from the launcher, as all that
 *        │  go ──────────────────────────────▶ │  follows
 *        │ ◀── refused {errno} ──────────────  │  only when it does: it has no JSON
 *        │ ◀── end of file ──────────────────  │  close-on-exec: the program runs
 *
 *     At any time the child may say
 *        │ ◀── step {index, start, end} ─────  │  only when somebody follows the steps
 *        │ ◀── failed {label, call, errno, …}  │  and ends; end of file before `ready` is a failure too
 *
 * A process that joins a pid namespace with others in it stays outside of that to the end (launcher/launcher.ts):
 *        │ ◀── entered ──────────────────────  │  only with namespaces of its own: they are there, empty
 *        │ ◀── console, exec {path, …} ───────  │  as above; its plan has no start to wait for
 *        │ ◀── born {pid} ───────────────────  │  from the launcher, once the process is there; it waits
 *        │  go ──────────────────────────────▶ │  becomes the program
 *        │ ◀── refused {errno}, end of file ─  │
 *
 * Where the parent does not stay, as in `create`, the child listens on a socket in the container's
 * state folder from `ready` on; `start` connects there, and all that follows is spoken with it. What waits
 * there is the launcher, wherever it can do the rest: then `exec` comes before `ready`.
 * The program itself never holds any of these sockets.
 */
import { utf8 } from "../../ffi/cstring.ts";
import { recvmsg, sendmsg } from "../../ffi/socket.ts";
import { MESSAGE, MESSAGES, STATUS } from "./launcher/messages.ts";

/** Why `execve` failed, found out by looking at the file inside the container. */
export interface ExecFailure {
  /** The path that was refused, or argv[0] when nothing was found at all. */
  readonly path: string;
  readonly reason:
    | "not found"
    | "is a directory"
    | "no permission"
    | "closed folder"
    | "circular links"
    | "noexec mount"
    | "too many interpreters"
    | "missing loader"
    | "unfit loader"
    | "wrong architecture"
    | "damaged program"
    | "not a program"
    | "empty file"
    | "other";
  /**
   * The folder, loader or machine that it is about; the shell that is there instead of the one that is not; that what
   * is no program is no text either.
   */
  readonly what?: string;
  /** Where not the file itself is at fault: its interpreter, that one's and so on, the last of which is. */
  readonly interpreters?: readonly string[];
}

/** What the child says. */
export type ChildMessage =
  | { readonly type: "born"; readonly pid: number }
  /** From a process outside of the container's pid namespace: all others are there. */
  | { readonly type: "entered" }
  /** From a process that has made a mount, which comes with it (mapped_overlay.ts). */
  | { readonly type: "mounted" }
  | { readonly type: "built" }
  | { readonly type: "console" }
  | { readonly type: "ready" }
  /** From the launcher as first process: a context of procfs, open in it under this number (fsopen(2)). */
  | { readonly type: "opened"; readonly fd: number }
  /** From the launcher as first process: it is where its container is to be, and waits. */
  | { readonly type: "begun" }
  /** The number of the descriptor that it will have in a moment. */
  | { readonly type: "listener"; readonly fd: number }
  | Executing
  /** From the launcher: how a hook has ended, as wait4(2) tells it. */
  | { readonly type: "ended"; readonly status: number }
  /** Milliseconds on the clock that both sides share. */
  | { readonly type: "step"; readonly index: number; readonly start: number; readonly end: number }
  | Failed;

/** The program's path, and what its content is the reason of, should execve answer one of these errors. */
export interface Executing {
  readonly type: "exec";
  readonly path: string;
  readonly reasons: Readonly<
    Record<"ENOENT" | "ENOEXEC" | "EACCES" | "ELOOP" | "ELIBBAD", ExecFailure>
  >;
}

/** A step failed: by a system call, or for a reason in words. */
export interface Failed {
  readonly type: "failed";
  /** Kind and label of the step. */
  readonly step: string;
  readonly label: string;
  readonly call: string;
  readonly errno: number;
  readonly detail: string;
  readonly message?: string;
  /** Where the program could not be run: why, and the folders it was looked for in. */
  readonly exec?: ExecFailure;
  readonly searched?: readonly string[];
}

/** The launcher's word, told without JSON: a call failed. */
export interface Refused {
  readonly type: "refused";
  readonly errno: number;
  /** Which one, of those that its maker knows of, from 0 on; undefined for the execve of the program. */
  readonly failure?: number;
}

const MAX_MESSAGE = 16384;

/** How long texts of a message may be, and its lists: the first of these with which it fits. */
const LENGTHS = [4096, 500, 50];
const encoder = new TextEncoder();

/** Says something to the parent, with descriptors if given. */
export function tell(channel: number, message: ChildMessage, fds: number[] = []): void {
  sendmsg(channel, messageBytes(message), fds);
}

/** A message as it goes over the channel. What a config makes too long for one is cut. */
export function messageBytes(message: ChildMessage): Uint8Array<ArrayBuffer> {
  const text = LENGTHS.map((length) => encode(message, length))
    .find(({ length }) => length <= MAX_MESSAGE)!;
  const bytes = new Uint8Array(new ArrayBuffer(text.length));
  bytes.set(text);
  return bytes;
}

function encode(message: ChildMessage, longest: number): Uint8Array {
  return encoder.encode(JSON.stringify(message, (_, value) => {
    if (Array.isArray(value)) return value.slice(0, longest);
    return typeof value === "string" && value.length > longest
      ? `${value.slice(0, longest)}…`
      : value;
  }));
}

/**
 * Waits for the child's next message; undefined when it has closed its end. The launcher speaks no JSON: its messages
 * are as short as none in JSON is.
 */
export function hear(
  channel: number,
): { message: ChildMessage | Refused; fds: number[] } | undefined {
  const { bytes, fds } = recvmsg(channel, MAX_MESSAGE, 1);
  if (bytes.length === 0) return undefined;
  const words = new DataView(bytes.buffer);
  if (bytes.length === STATUS) {
    return { message: { type: "ended", status: words.getUint32(0, true) }, fds };
  }
  if (bytes.length === MESSAGE) {
    return { message: launcherMessage(words.getUint32(0, true), words.getInt32(4, true)), fds };
  }
  return { message: JSON.parse(utf8(bytes)) as ChildMessage, fds };
}

function launcherMessage(word: number, value: number): ChildMessage | Refused {
  switch (word & 0xff) {
    case MESSAGES.born:
      return { type: "born", pid: value };
    case MESSAGES.opened:
      return { type: "opened", fd: value };
    case MESSAGES.begun:
      return { type: "begun" };
    case MESSAGES.ready:
      return { type: "ready" };
    default: {
      const number = word >>> 8;
      const which = number === 0 ? {} : { failure: number - 1 };
      return { type: "refused", errno: value, ...which };
    }
  }
}

/** Parent: lets the child go on; it learns its number as the host has it. */
export function sendGo(channel: number, pid: number): void {
  const bytes = new Uint8Array(new ArrayBuffer(4));
  new DataView(bytes.buffer).setUint32(0, pid, true);
  sendmsg(channel, bytes);
}

/** Child: waits for the parent's word; returns its own number on the host, undefined when the parent is gone. */
export function waitForGo(channel: number): number | undefined {
  const { bytes } = recvmsg(channel, 4);
  return bytes.length === 4 ? new DataView(bytes.buffer).getUint32(0, true) : undefined;
}
