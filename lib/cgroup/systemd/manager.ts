import { Fd, read, writeAll } from "../../../ffi/file.ts";
import { poll, POLLIN } from "../../../ffi/poll.ts";
import { connect, SOCK_STREAM, socket } from "../../../ffi/socket.ts";
import { alloc } from "../../../ffi/struct.ts";
import { ContainerError, SysError } from "../../errors.ts";
import { FIXED_HEADER, messageLength, MessageWriter, methodCall, readReply } from "./message.ts";
import type { ScopePath } from "./path.ts";

/** A systemd that makes units: that of the machine, or a user's own. */
export interface SystemdManager {
  /** Its own socket, for its user alone; no message bus has to run for it. */
  readonly socket: string;
  /** Whose it is. */
  readonly uid: number;
  /** The cgroup that its units are below, from the hierarchy's root; empty for the root. */
  readonly cgroup: string;
}

/** That of the machine. */
export const SYSTEM_MANAGER: SystemdManager = {
  socket: "/run/systemd/private",
  uid: 0,
  cgroup: "",
};

/** Milliseconds within which systemd has to answer. */
const PATIENCE = 10_000;

/**
 * Has systemd make a scope with a process in it (org.freedesktop.systemd1(5), StartTransientUnit). It leaves
 * what is below the scope's cgroup alone (Delegate=).
 *
 * @throws {ContainerError} with what systemd has against it.
 */
export function startScope(
  { manager: { socket: path, uid }, slice, scope }: ScopePath,
  pid: number,
  description: string,
): void {
  const body = new MessageWriter().string(scope).string("fail").array(8, (properties) => {
    const property = (name: string, type: string, value: () => void) => {
      properties.align(8).string(name).signature(type);
      value();
    };
    property("Description", "s", () => properties.string(description));
    property("Slice", "s", () => properties.string(slice));
    property("PIDs", "au", () => properties.array(4, () => properties.uint32(pid)));
    property("Delegate", "b", () => properties.boolean(true));
    property("DefaultDependencies", "b", () => properties.boolean(false));
    property("CollectMode", "s", () => properties.string("inactive-or-failed"));
  }).array(8, () => {}).bytes;
  const call = {
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member: "StartTransientUnit",
    destination: "org.freedesktop.systemd1",
  };
  try {
    using connection = new Fd(socket(SOCK_STREAM));
    connect(connection.number, path);
    authenticate(connection.number, uid);
    writeAll(connection.number, methodCall(call, "ssa(sv)a(sa(sv))", body));
    const error = awaitReply(connection.number);
    if (error !== undefined) throw refused(scope, error);
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw refused(scope, cause.message, cause);
  }
}

/** Who this is the kernel tells the other side; said is the user's number, in hexadecimal (D-Bus Specification, "EXTERNAL"). */
function authenticate(fd: number, uid: number): void {
  const digits = [...`${uid}`].map((digit) => digit.charCodeAt(0).toString(16)).join("");
  writeAll(fd, ascii(`\0AUTH EXTERNAL ${digits}\r\n`));
  let said = "";
  while (!said.endsWith("\r\n")) said += String.fromCharCode(...receive(fd, 1));
  if (!said.startsWith("OK ")) throw new ContainerError(`ask systemd: it said ${said.trim()}`);
  writeAll(fd, ascii("BEGIN\r\n"));
}

/** The error, if the answer is one; signals are passed over. */
function awaitReply(fd: number): string | undefined {
  for (;;) {
    const header = receive(fd, FIXED_HEADER);
    const message = alloc(messageLength(header));
    message.set(header);
    message.set(receive(fd, message.length - FIXED_HEADER), FIXED_HEADER);
    const reply = readReply(message);
    if (reply !== undefined) return reply.error;
  }
}

function receive(fd: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(count);
  for (let done = 0; done < count;) {
    const ready = poll([{ fd, events: POLLIN, revents: 0 }], PATIENCE);
    const piece = ready > 0 ? read(fd, bytes.subarray(done)).length : 0;
    if (piece === 0) throw new ContainerError("ask systemd for a scope: it does not answer");
    done += piece;
  }
  return bytes;
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  const bytes = alloc(text.length);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

function refused(scope: string, why: string, cause?: SysError): ContainerError {
  return new ContainerError(`have systemd make the scope "${scope}": ${why}`, {
    hint: "See journalctl -b, or leave out --systemd-cgroup: gocontainer makes cgroups itself",
    cause,
  });
}
